/**
 * Two users of one file, whose names differ as little as names can: whatever they do, in whatever order and in which
 * process, each meets their own secrets only. An independent model says what each must see. Each query is then made to
 * leave out the user or the tenant, and the same property must find it.
 */

import type Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { CredentialsFile } from '../../runtime/credentials/store/credentials-file.ts'
import { Leases } from '../../runtime/credentials/store/lease.ts'
import { SecretStore } from '../../runtime/credentials/store/secret-store.ts'
import { createStoreSource } from '../../runtime/credentials/sources/source-store.ts'
import { openStoreKey, rewrap } from '../../runtime/credentials/store/store-key.ts'
import { SECRET_USED_STEP_MS } from '../../runtime/limits.ts'
import { bytesOf, keyFileSource, standingClock, temporaryPlace } from '../support/store.ts'
import type { Place } from '../support/store.ts'

const GRACE_MS = 120_000
const DAY_MS = 24 * 60 * 60_000

type Both<T> = readonly [T, T]

interface Actor {
  readonly tenant: string
  readonly user: string
}

/** Pairs of users that a careless comparison, encoding or concatenation takes for one. */
const PAIRS: readonly (readonly [string, Actor, Actor])[] = [
  ['two names', { tenant: 't', user: 'alice' }, { tenant: 't', user: 'bob' }],
  ['two tenants', { tenant: 't', user: 'alice' }, { tenant: 'u', user: 'alice' }],
  ['case', { tenant: 't', user: 'alice' }, { tenant: 't', user: 'Alice' }],
  ['a prefix', { tenant: 't', user: 'alice' }, { tenant: 't', user: 'alice ' }],
  ['forms of Unicode', { tenant: 't', user: 'é' }, { tenant: 't', user: 'e\u0301' }],
  ['where one name ends', { tenant: 't|a', user: 'b' }, { tenant: 't', user: 'a|b' }],
  ['fields that are swapped', { tenant: 'a', user: 'b' }, { tenant: 'b', user: 'a' }],
  ['a pattern', { tenant: 't', user: '%' }, { tenant: 't', user: '_' }],
  ['SQL', { tenant: 't', user: "' OR 1=1 --" }, { tenant: 't', user: "'' OR 1=1 --" }],
  ['numbers', { tenant: 't', user: '1' }, { tenant: 't', user: '1.0' }],
]

type Kind =
  | 'put current'
  | 'put next'
  | 'put under a lease'
  | 'promote'
  | 'destroy'
  | 'destroy lapsed'
  | 'read'
  | 'expose'
  | 'use'
  | 'fetch'
  | 'wait'
  | 'change the key'

interface Step {
  readonly actor: 0 | 1
  readonly process: 0 | 1
  readonly credential: 'github' | 'linear'
  readonly kind: Kind
  readonly version: number
}

const KINDS: readonly Kind[] = [
  'put current',
  'put current',
  'put next',
  'put next',
  'put under a lease',
  'promote',
  'promote',
  'destroy',
  'destroy lapsed',
  'read',
  'expose',
  'use',
  'fetch',
  'wait',
  'change the key',
]

/** Often both do the same, one after the other: then their rows differ in nothing but whose they are. */
const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      actor: fc.constantFrom(0, 1),
      process: fc.constantFrom(0, 1),
      credential: fc.constantFrom('github', 'github', 'linear'),
      kind: fc.constantFrom(...KINDS),
      version: fc.integer({ min: 1, max: 4 }),
      isForBoth: fc.boolean(),
    }),
    { minLength: 8, maxLength: 20 },
  )
  .map((all) => all.flatMap((step) => (step.isForBoth ? [step, { ...step, actor: step.actor === 0 ? 1 : 0 }] : [step])))

interface ModelVersion {
  readonly version: number
  readonly value: string
  readonly createdMs: number
  state: 'next' | 'current' | 'previous' | 'destroyed'
  replacedMs: number
  exposedMs: number | undefined
  usedMs: number | undefined
}

/** What one user must see; it knows of nobody else. */
class Model {
  readonly #versions = new Map<string, ModelVersion[]>()
  readonly #fences = new Map<string, number>()

  of(credential: string): ModelVersion[] {
    const found = this.#versions.get(credential) ?? []
    this.#versions.set(credential, found)
    return found
  }

  find(credential: string, state: 'next' | 'current'): ModelVersion | undefined {
    return this.of(credential).find((one) => one.state === state)
  }

  fence(credential: string): number {
    const fence = (this.#fences.get(credential) ?? 0) + 1
    this.#fences.set(credential, fence)
    return fence
  }

  put(credential: string, value: string, state: 'next' | 'current', now: number): number {
    const all = this.of(credential)
    const next = this.find(credential, 'next')
    if (next !== undefined) next.state = 'destroyed'
    if (state === 'current') this.retire(credential, now)
    const version = all.length + 1
    all.push({ version, value, state, createdMs: now, replacedMs: 0, exposedMs: undefined, usedMs: undefined })
    return version
  }

  retire(credential: string, now: number): void {
    this.lapse(credential, now)
    const current = this.find(credential, 'current')
    if (current !== undefined) Object.assign(current, { state: 'previous', replacedMs: now })
  }

  lapse(credential: string, now: number): number {
    const lapsed = this.of(credential).filter((one) => one.state === 'previous' && one.replacedMs + GRACE_MS <= now)
    for (const one of lapsed) one.state = 'destroyed'
    return lapsed.length
  }

  pinned(credential: string, version: number, now: number): string | undefined {
    const one = this.of(credential)[version - 1]
    const isReadable = one?.state === 'current' || (one?.state === 'previous' && one.replacedMs + GRACE_MS > now)
    return isReadable ? one.value : undefined
  }

  list(): readonly unknown[] {
    const shown = [...this.#versions].toSorted(([one], [other]) => (one < other ? -1 : 1))
    return shown.flatMap(([credential, all]) =>
      all.map(({ version, state, createdMs, exposedMs, usedMs }) => [
        [credential, version, state, createdMs],
        [exposedMs, usedMs],
      ]),
    )
  }

  due(now: number): readonly string[] {
    return [...this.#versions.keys()].toSorted().filter((credential) => {
      const current = this.find(credential, 'current')
      return current !== undefined && (current.exposedMs !== undefined || current.createdMs <= now - DAY_MS)
    })
  }
}

/** Two processes, of which each has opened the file and made its stores. */
class World {
  readonly #files: Both<CredentialsFile>
  readonly #actors: Both<Actor>
  readonly clock = standingClock()
  #source = keyFileSource()
  #stores: readonly SecretStore[] = []
  #count = 0

  constructor(files: Both<CredentialsFile>, actors: Both<Actor>) {
    this.#files = files
    this.#actors = actors
  }

  async open(): Promise<void> {
    const stores = this.#files.map(async (file) => {
      const key = await openStoreKey(file, this.#source)
      const { clock } = this
      return this.#actors.map(({ tenant }) => new SecretStore(file, { key, clock, tenant, graceMs: GRACE_MS }))
    })
    this.#stores = (await Promise.all(stores)).flat()
  }

  storeOf({ process, actor }: Pick<Step, 'process' | 'actor'>): SecretStore {
    const store = this.#stores[process * 2 + actor]
    if (store === undefined) throw new Error('the stores are not open')
    return store
  }

  /** Each value is one of a kind, and says whose it is. */
  newValue(actor: 0 | 1): string {
    this.#count += 1
    return `the value ${this.#count} of actor ${actor}`
  }

  async changeKey(process: 0 | 1): Promise<void> {
    const source = keyFileSource()
    const file = this.#files[process]
    await rewrap(file, await openStoreKey(file, this.#source), source)
    this.#source = source
    await this.open()
  }

  leases(process: 0 | 1): Leases {
    const clock = { now: () => this.clock.now(), after: () => () => undefined }
    return new Leases(this.#files[process], { clock, owner: `process ${process}` })
  }
}

/** Does one step in the world and in the model of its user, and compares what came of it. */
async function take(world: World, actors: Both<Actor>, models: Both<Model>, step: Step): Promise<void> {
  const { credential, version, kind, actor } = step
  const { user, tenant } = actors[actor]
  const model = models[actor]
  const [other, otherModel] = actor === 0 ? [actors[1], models[1]] : [actors[0], models[0]]
  const store = world.storeOf(step)
  const now = world.clock.now()
  const one = model.of(credential)[version - 1]
  switch (kind) {
    case 'put current':
    case 'put next': {
      const state = kind === 'put next' ? 'next' : 'current'
      const value = world.newValue(actor)
      expect(store.put(user, credential, { value }, state)).toBe(model.put(credential, value, state, now))
      return
    }
    case 'put under a lease': {
      const leases = world.leases(step.process)
      const own = { tenant, user, credential }
      const putUnder = (): Promise<void> =>
        leases.withLease(own, AbortSignal.timeout(1_000), async (fence) => {
          expect(fence).toBe(model.fence(credential))
          const value = world.newValue(actor)
          expect(() => store.put(user, credential, { value }, 'current', fence - 1)).toThrow(/was taken over/)
          const put = store.put(user, credential, { value }, 'current', fence)
          expect(put).toBe(model.put(credential, value, 'current', now))
        })
      if (version % 2 === 0) {
        await putUnder()
        return
      }
      // The other one holds theirs all the while, and nobody else gets it.
      const theirs = { ...other, credential }
      await leases.withLease(theirs, AbortSignal.timeout(1_000), async (fence) => {
        expect(fence).toBe(otherModel.fence(credential))
        await putUnder()
        const stop = new AbortController()
        const waiting = leases.withLease(theirs, stop.signal, async () => 'in')
        stop.abort(new Error('still held'))
        await expect(waiting).rejects.toThrow('still held')
      })
      return
    }
    case 'promote': {
      const next = model.find(credential, 'next')?.version ?? version
      const promoted = model.of(credential)[next - 1]
      if (promoted?.state === 'next') {
        model.retire(credential, now)
        promoted.state = 'current'
      }
      if (promoted?.state === 'current') store.promote(user, credential, next)
      else expect(() => store.promote(user, credential, next)).toThrow(/not next/)
      return
    }
    case 'destroy':
      expect(store.destroy(user, credential, version)).toBe(one !== undefined && one.state !== 'destroyed')
      if (one !== undefined) one.state = 'destroyed'
      return
    case 'destroy lapsed':
      expect(store.destroyLapsed(user, credential)).toBe(model.lapse(credential, now))
      return
    case 'read':
      expect(store.read(user, credential, version)?.value).toBe(model.pinned(credential, version, now))
      expect(store.read(user, credential, 'next')?.value).toBe(model.find(credential, 'next')?.value)
      return
    case 'expose':
      expect(store.markExposed(user, credential, version)).toBe(one !== undefined)
      if (one !== undefined) one.exposedMs ??= now
      return
    case 'use':
      store.markUsed(user, credential, version)
      if (one !== undefined) use(one, now)
      return
    case 'fetch': {
      const source = createStoreSource({ store, credential, clock: world.clock })
      const current = model.find(credential, 'current')
      const fetched = source.fetch({ user, signal: AbortSignal.timeout(1_000) })
      if (current === undefined) await expect(fetched).rejects.toThrow(/holds no value/)
      else expect(await fetched).toMatchObject({ user, credential, value: current.value })
      if (current !== undefined) use(current, now)
      return
    }
    case 'wait':
      world.clock.go([1_000, SECRET_USED_STEP_MS, GRACE_MS, DAY_MS][version - 1] ?? 0)
      return
    case 'change the key':
      await world.changeKey(step.process)
  }
}

function use(one: ModelVersion, now: number): void {
  if (one.usedMs === undefined || one.usedMs <= now - SECRET_USED_STEP_MS) one.usedMs = now
}

function compare(world: World, actors: Both<Actor>, models: Both<Model>): void {
  for (const actor of [0, 1] as const) {
    const [{ user }, model] = [actors[actor], models[actor]]
    for (const process of [0, 1] as const) {
      const store = world.storeOf({ process, actor })
      const listed = store.list(user)
      expect(listed.every((entry) => entry.user === user)).toBe(true)
      const shown = listed.map(({ credential, version, state, createdAtMs, exposedAtMs, lastUsedAtMs }) => [
        [credential, version, state, createdAtMs],
        [exposedAtMs, lastUsedAtMs],
      ])
      expect(shown).toEqual(model.list())
      expect(store.due(user, world.clock.now(), 1).map(({ credential }) => credential)).toEqual(
        model.due(world.clock.now()),
      )
      for (const credential of ['github', 'linear']) {
        expect(store.read(user, credential)?.value).toBe(model.find(credential, 'current')?.value)
      }
    }
  }
}

type Open = (place: Place) => CredentialsFile

/** A power cut is not what is tested here. */
function openFast(place: Place): CredentialsFile {
  const file = place.open()
  file.database.pragma('synchronous = OFF')
  return file
}

async function play(pair: Both<Actor>, all: readonly Step[], open: Open): Promise<string> {
  using place = temporaryPlace()
  const world = new World([open(place), open(place)], pair)
  await world.open()
  const models = [new Model(), new Model()] as const
  for (const step of all) {
    await take(world, pair, models, step)
    compare(world, pair, models)
  }
  return bytesOf(place.path).toString('latin1')
}

describe('two users of one file', () => {
  test.each(PAIRS)('whose names differ by %s never meet', async (_, one, other) => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        expect(await play([one, other], all, openFast)).not.toContain('the value')
      }),
      { numRuns: 8 },
    )
  })
})

/** Opens the file as usual, and lets one query be about any user, or any tenant. */
function openWith(edit: (sql: string) => string): Open {
  return (place) => {
    const file = openFast(place)
    const database = new Proxy(file.database, {
      get(target, name) {
        if (name === 'prepare') return (sql: string): unknown => target.prepare(edit(sql))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value
      },
    })
    return { ...file, database: database as Database.Database }
  }
}

const BOTH = [
  ['user = @user', PAIRS[0]],
  ['tenant = @tenant', PAIRS[1]],
] as const

describe('a query that leaves out whom it is for', () => {
  const everything: readonly Step[] = [0, 1, 2, 3].flatMap((n) =>
    [...KINDS, ...KINDS.toReversed()].map((kind, index) => ({
      kind,
      actor: ((n + index) % 2) as 0 | 1,
      process: (index % 2) as 0 | 1,
      credential: 'github',
      version: 1 + ((n + index) % 4),
    })),
  )

  /** Every query that the steps prepare, and that names the one. */
  async function queriesWith(condition: string): Promise<readonly string[]> {
    const seen = new Set<string>()
    const note = (sql: string): string => {
      seen.add(sql)
      return sql
    }
    const [, one, other] = PAIRS[0] ?? []
    if (one === undefined || other === undefined) throw new Error('there is no pair')
    await play([one, other], everything, openWith(note))
    return [...seen].filter((sql) => sql.includes(condition))
  }

  test('there is none, but those over all users when the key is changed', async () => {
    const seen = await queriesWith('')
    const about = seen.filter((sql) => /\b(?:secret|user_key|lease)\b/.test(sql) && !sql.startsWith('INSERT INTO'))
    expect(about.length).toBeGreaterThan(15)
    const loose = about.filter((sql) => BOTH.some(([condition]) => !sql.includes(condition)))
    expect(loose).toEqual(['SELECT * FROM user_key'])
  })

  test.each(BOTH)('%s: would be found in each of them', async (condition, pair) => {
    const [, one, other] = pair ?? []
    if (one === undefined || other === undefined) throw new Error('there is no pair')
    const missed: string[] = []
    for (const query of await queriesWith(condition)) {
      const edit = (sql: string): string => (sql === query ? sql.replaceAll(condition, '1 = 1') : sql)
      const property = fc.asyncProperty(steps, async (all) => {
        await play([one, other], all, openWith(edit))
      })
      const { failed } = await fc.check(property, {
        numRuns: 80,
        endOnFailure: true,
        seed: 7,
        examples: [[everything]],
      })
      if (!failed) missed.push(query)
    }
    expect(missed).toEqual([])
  })
})
