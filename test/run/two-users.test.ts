/**
 * Two users of one machine, through the whole program: whatever they do, in whatever order and at the same time, their
 * secrets, grants, runs and what is recorded of them never meet. An independent model says what each must see.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import {
  credentialDesk,
  credentialServer,
  type CredentialDesk,
  type CredentialServer,
} from '../support/credential-desk.ts'

type Step = 'add' | 'next' | 'rotate' | 'run' | 'run both' | 'revoke' | 'list' | 'grants'

/** Pairs that a careless comparison takes for one. */
const PAIRS = [
  ['alice', 'Alice'],
  ['%', 'bob'],
] as const

interface Person {
  readonly user: string
  /** Values by version, and which of them is used. */
  readonly values: string[]
  current: number
  next: number | undefined
  isRevoked: boolean
  hasRun: boolean
  /** The runs' ids. */
  readonly runs: string[]
}

const person = (user: string): Person => ({
  user,
  values: [],
  current: 0,
  next: undefined,
  isRevoked: false,
  hasRun: false,
  runs: [],
})

class Machine {
  readonly #desk: CredentialDesk
  readonly #api: CredentialServer
  #count = 0

  constructor(desk: CredentialDesk, api: CredentialServer) {
    this.#desk = desk
    this.#api = api
  }

  async take(step: Step, one: Person, other: Person): Promise<void> {
    switch (step) {
      case 'add':
      case 'next':
        return await this.#add(one, step === 'next')
      case 'rotate':
        return await this.#rotate(one)
      case 'run':
        return await this.#run(one)
      case 'run both':
        await Promise.all([this.#run(one), this.#run(other)])
        return
      case 'revoke':
        await this.#ask(one, 'revoke', 'api', '--reason', 'it is enough')
        one.isRevoked = true
        return
      case 'list':
        return await this.#list(one)
      case 'grants':
        return await this.#grants(one)
    }
  }

  async #ask(one: Person, ...words: readonly string[]) {
    return await this.#desk.run('credentials', ...words, '--user', one.user, '--config', this.#desk.config)
  }

  async #add(one: Person, isNext: boolean): Promise<void> {
    const value = `canary-${one.user.codePointAt(0)}-${(this.#count += 1)}-7f3Kq9ZxWv2LmP8sTbY4`
    const words = ['credentials', 'add', 'api', ...(isNext ? ['--next'] : [])]
    const asked = [...words, '--user', one.user, '--config', this.#desk.config]
    const { stdout } = await this.#desk.runWith({ input: value }, ...asked)
    const version = one.values.push(value)
    expect(stdout).toBe(`api · version ${version} of ${one.user} is ${isNext ? 'next' : 'current'}\n`)
    if (isNext) one.next = version
    else one.current = version
  }

  async #rotate(one: Person): Promise<void> {
    const { stdout } = await this.#ask(one, 'rotate', 'api')
    expect(stdout).toContain(one.next === undefined ? 'no next value' : `version ${one.next} is current`)
    one.current = one.next ?? one.current
    one.next = undefined
  }

  /** Each asks for a path of its own, so that the server knows whose request it is. */
  async #run(one: Person): Promise<void> {
    const path = `/v1/${(this.#count += 1)}`
    const task = JSON.stringify([{ url: `${this.#api.base}${path}` }])
    const { exit, stdout, stderr } = await this.#desk.run(
      'agents/a.yaml',
      task,
      '--user',
      one.user,
      '--config',
      this.#desk.config,
    )
    const sent = this.#api.asked.filter(({ url }) => url === path).map(({ headers }) => headers['authorization'])
    const run = /^run (\S+) /m.exec(stderr)?.[1]
    if (run !== undefined) one.runs.push(run)
    if (one.current === 0 || one.isRevoked) {
      expect(sent).toEqual([])
      expect(`${stdout}${stderr}`).toMatch(one.isRevoked ? /revoked|it is enough/ : /the credential api cannot be had/)
      return
    }
    expect({ exit, sent }).toEqual({ exit: 0, sent: [`Bearer ${one.values[one.current - 1]}`] })
    one.hasRun = true
  }

  async #list(one: Person): Promise<void> {
    const { stdout } = await this.#ask(one, 'list', '--json')
    const { versions } = JSON.parse(stdout) as { versions: { user?: string; version: number; state: string }[] }
    const current = versions.find(({ state }) => state === 'current')?.version ?? 0
    expect([current, versions.find(({ state }) => state === 'next')?.version]).toEqual([one.current, one.next])
  }

  async #grants(one: Person): Promise<void> {
    const found = await this.grantsOf(one)
    expect(found.length > 0).toBe(one.hasRun)
  }

  async grantsOf(one: Person): Promise<readonly string[]> {
    const { stdout } = await this.#ask(one, 'grants', '--json')
    const lines = stdout.split('\n').filter((line) => line !== '')
    return lines.map((line) => (JSON.parse(line) as { id: string }).id)
  }
}

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Step>('add', 'next', 'rotate', 'run', 'run', 'run both', 'run both', 'revoke', 'list', 'grants'),
    fc.nat(1),
  ),
  { minLength: 10, maxLength: 14 },
)

test.each(PAIRS)('%j and %j never meet', { timeout: 240_000 }, async (...users) => {
  const property = fc.asyncProperty(steps, async (drawn) => {
    await using api = await credentialServer((_asked, response) => void response.writeHead(200).end('done'))
    using desk = credentialDesk([`GET ${api.base}/v1/*`], ['api'])
    desk.configure(`credentials:
  api:
    source: { store: true }
    inject: { header: Authorization, format: "Bearer {secret}" }
    for: ["GET ${api.base}/v1/*"]
    users: ${JSON.stringify(users)}
    agents: { a: { from: ${desk.workspace}/agents/a.yaml, tools: [get] } }
`)
    const people = [person(users[0]), person(users[1])] as const
    const machine = new Machine(desk, api)
    // Both have a value and have run before anything is left to chance.
    const begin: readonly (readonly [Step, number])[] = [
      ['run', 0],
      ['add', 0],
      ['add', 1],
      ['run both', 0],
    ]
    for (const [step, who] of [...begin, ...drawn]) {
      const [one, other] = who === 0 ? people : ([people[1], people[0]] as const)
      await machine.take(step, one, other)
    }
    const [mine, theirs] = await Promise.all(people.map((one) => machine.grantsOf(one)))
    expect(mine?.filter((id) => theirs?.includes(id))).toEqual([])
    for (const one of people) {
      const other = one === people[0] ? people[1] : people[0]
      const grants = await machine.grantsOf(other)
      for (const run of one.runs) {
        const recorded = desk.events(run)
        expect(userOf(recorded)).toBe(one.user)
        const text = JSON.stringify(recorded)
        expect(grants.filter((id) => text.includes(id))).toEqual([])
      }
    }
    // Nothing of either is in the clear, where both could read it.
    expect(desk.filesHolding(people.flatMap(({ values }) => values))).toEqual([])
  })
  await fc.assert(property, { numRuns: 2, seed: 20_261_128, endOnFailure: true })
})

function userOf(events: readonly StoredEvent[]): unknown {
  return events.find(({ kind }) => kind === 'run.start')?.data['user']
}
