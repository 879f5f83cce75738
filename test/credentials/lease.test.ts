import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { Leases } from '../../runtime/credentials/store/lease.ts'
import { LEASE_MS } from '../../runtime/limits.ts'
import type { Clock } from '../../runtime/ports.ts'
import { temporaryStore } from '../support/store.ts'
import type { TemporaryStore } from '../support/store.ts'
import { REAL_CLOCK } from '../support/trail.ts'

const KEY = { tenant: 'local', user: 'alice', credential: 'github' }
const never = new AbortController().signal

function refusal(message: RegExp): unknown {
  return expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) as unknown })
}

/** A clock whose timers run when it is told to go on, in their order. */
function steppedClock(start = 1_800_000_000_000): Clock & { go(ms: number): Promise<void> } {
  let now = start
  const due = new Set<{ readonly at: number; readonly callback: () => void }>()
  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback }
      due.add(timer)
      return () => due.delete(timer)
    },
    async go(ms) {
      const end = now + ms
      await settled()
      for (;;) {
        const [next] = [...due].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (next === undefined) break
        due.delete(next)
        now = next.at
        next.callback()
        await settled()
      }
      now = end
    },
  }
}

/** Lets run what waits for nothing but its turn. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

const leasesOf = (at: TemporaryStore, clock: Clock, owner = 'test'): Leases => new Leases(at.open(), { clock, owner })

describe('withLease()', () => {
  test('lets one in after the other, whoever asks, with a fence that grows', async () => {
    using at = await temporaryStore()
    const all = Array.from({ length: 4 }, () => leasesOf(at, REAL_CLOCK))
    let inside = 0
    const fences: number[] = []
    await Promise.all(
      [...all, ...all].map((leases) =>
        leases.withLease(KEY, AbortSignal.timeout(20_000), async (fence) => {
          inside += 1
          expect(inside).toBe(1)
          fences.push(fence)
          await new Promise((resolve) => setTimeout(resolve, 5))
          inside -= 1
        }),
      ),
    )
    expect(fences).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test.each([{ tenant: 'acme' }, { user: 'bob' }, { credential: 'linear' }])(
    'does not wait for that of %j',
    async (other) => {
      using at = await temporaryStore()
      const leases = leasesOf(at, REAL_CLOCK)
      const fence = await leases.withLease(KEY, never, () =>
        leases.withLease({ ...KEY, ...other }, AbortSignal.timeout(1_000), async (fence) => fence),
      )
      expect(fence).toBe(1)
      const again = leases.withLease(KEY, never, () =>
        leases.withLease(KEY, AbortSignal.timeout(100), async (fence) => fence),
      )
      await expect(again).rejects.toThrow(/timeout/)
    },
  )

  test('hands on what its work returns and throws, and is free after it', async () => {
    using at = await temporaryStore()
    const leases = leasesOf(at, REAL_CLOCK)
    await expect(leases.withLease(KEY, never, async () => 'done')).resolves.toBe('done')
    await expect(leases.withLease(KEY, never, () => Promise.reject(new Error('work')))).rejects.toThrow('work')
    await expect(leases.withLease(KEY, AbortSignal.timeout(1_000), async (fence) => fence)).resolves.toBe(3)
  })

  test('stops waiting when it is told to, and does not begin when it was told before', async () => {
    using at = await temporaryStore()
    const leases = leasesOf(at, REAL_CLOCK)
    const stop = new AbortController()
    await leases.withLease(KEY, never, async () => {
      const waiting = leases.withLease(KEY, stop.signal, async () => 'in')
      setTimeout(() => stop.abort(new Error('stopped')), 50)
      await expect(waiting).rejects.toThrow('stopped')
    })
    await expect(leases.withLease(KEY, stop.signal, async () => 'in')).rejects.toThrow('stopped')
  })

  test('is renewed for as long as its work takes', async () => {
    using at = await temporaryStore()
    const clock = steppedClock()
    const [holder, other] = [leasesOf(at, clock), leasesOf(at, clock)]
    const work = Promise.withResolvers<string>()
    const held = holder.withLease(KEY, never, () => work.promise)
    await clock.go(LEASE_MS * 5)
    const waiting = other.withLease(KEY, never, async (fence) => fence)
    await clock.go(LEASE_MS * 5)
    expect(await Promise.race([waiting, Promise.resolve('still waiting')])).toBe('still waiting')
    work.resolve('done')
    await expect(held).resolves.toBe('done')
    await clock.go(LEASE_MS)
    await expect(waiting).resolves.toBe(2)
  })

  test('is not renewed by somebody else who renews theirs', async () => {
    using at = await temporaryStore()
    const clock = steppedClock()
    const leases = leasesOf(at, clock)
    const stopped = leasesOf(at, { ...clock, after: () => () => undefined })
    const end = Promise.withResolvers<void>()
    const both = [
      leases.withLease(KEY, never, () => end.promise),
      stopped.withLease({ ...KEY, user: 'bob' }, never, () => end.promise),
    ]
    await clock.go(LEASE_MS + 1)
    await expect(leases.withLease({ ...KEY, user: 'bob' }, never, async (fence) => fence)).resolves.toBe(2)
    expect(
      at.file.database.prepare('SELECT expires_ms FROM lease WHERE user = ?').pluck().get('alice'),
    ).toBeGreaterThan(clock.now())
    end.resolve()
    await Promise.all(both)
  })

  test('is taken over from a holder that sleeps, whose write is refused and who is told', async () => {
    using at = await temporaryStore()
    const sleeping = steppedClock()
    const awake = steppedClock(sleeping.now() + LEASE_MS)
    const waking = Promise.withResolvers<void>()
    const late = leasesOf(at, sleeping).withLease(KEY, never, async (fence, signal) => {
      await waking.promise
      expect(signal.aborted).toBe(false)
      const write = (): number => at.store.put('alice', 'github', { value: 'a stale token' }, 'current', fence)
      expect(write).toThrow(refusal(/was taken over/))
      // Without its fence, it would have been written.
      expect(at.storeOf({ tenant: 'control' }).put('alice', 'github', { value: 'a stale token' }, 'current')).toBe(1)
      await sleeping.go(LEASE_MS)
      return signal.reason as unknown
    })
    const early = steppedClock(awake.now() - 1)
    const tooEarly = leasesOf(at, early).withLease(KEY, never, async () => 'in')
    expect(await Promise.race([tooEarly, new Promise((resolve) => setTimeout(resolve, 50, 'waits'))])).toBe('waits')
    await leasesOf(at, awake).withLease(KEY, never, async (fence) => {
      expect(fence).toBe(2)
      at.store.put('alice', 'github', { value: 'the fresh token' }, 'current', fence)
    })
    waking.resolve()
    expect(await late).toEqual(refusal(/was taken over/))
    expect(at.store.read('alice', 'github')?.value).toBe('the fresh token')
    await early.go(1_000)
    await tooEarly
  })

  test('is not taken over by who looked before it was renewed', async () => {
    using at = await temporaryStore()
    const clock = steppedClock()
    const looked = clock.now()
    await clock.go(LEASE_MS / 2)
    const end = Promise.withResolvers<void>()
    const held = leasesOf(at, clock).withLease(KEY, never, () => end.promise)
    let calls = 0
    const late: Clock = { ...REAL_CLOCK, now: () => (calls++ === 0 ? looked : clock.now()) }
    const stop = new AbortController()
    const waiting = leasesOf(at, late).withLease(KEY, stop.signal, async () => 'in')
    stop.abort(new Error('still held'))
    await expect(waiting).rejects.toThrow('still held')
    expect(calls).toBe(2)
    end.resolve()
    await held
  })

  test('a clock that was set back does not lock anybody out', async () => {
    using at = await temporaryStore()
    const future = steppedClock(REAL_CLOCK.now() + 365 * 24 * 60 * 60_000)
    void leasesOf(at, future).withLease(KEY, never, () => new Promise(() => undefined))
    await expect(leasesOf(at, REAL_CLOCK).withLease(KEY, AbortSignal.timeout(5_000), async (f) => f)).resolves.toBe(2)
  })
})

describe('eight processes that find a token expired', () => {
  async function race(how: 'lease' | 'none'): Promise<{ refreshes: number; values: ReadonlySet<string> }> {
    using at = await temporaryStore()
    at.store.put('alice', 'github', { value: 'the expired token', expiresAtMs: 1 }, 'current')
    const log = join(at.folder, 'log')
    const script = fileURLToPath(new URL('../support/refresher.ts', import.meta.url))
    const children = Array.from({ length: 8 }, () => {
      const child = spawn(process.execPath, [script, at.path, at.source.text, log, how], {
        stdio: ['pipe', 'pipe', 'inherit'],
        timeout: 45_000,
      })
      let printed = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => void (printed += text))
      return { child, ready: once(child.stdout, 'data'), ended: once(child, 'close').then(() => printed) }
    })
    await Promise.all(children.map(({ ready }) => ready))
    for (const { child } of children) child.stdin.write('go\n')
    const printed = await Promise.all(children.map(({ ended }) => ended))
    const values = printed.map((text) => text.split('\n')[1] ?? '')
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
    if (how === 'lease') expect(at.store.list('alice').map(({ state }) => state)).toEqual(['previous', 'current'])
    return { refreshes: lines.length, values: new Set(values) }
  }

  test('refresh it once, and the others read what came of it', async () => {
    const { refreshes, values } = await race('lease')
    expect(refreshes).toBe(1)
    expect([...values]).toEqual([expect.stringMatching(/^the token of process \d+$/)])
  })

  test('refresh it several times without a lease', async () => {
    const { refreshes } = await race('none')
    expect(refreshes).toBeGreaterThan(1)
  })
})

test('the lease of a process that was killed is taken over when it ends', async () => {
  using at = await temporaryStore()
  const script = fileURLToPath(new URL('../support/lease-victim.ts', import.meta.url))
  const child = spawn(process.execPath, [script, at.path], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 45_000 })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const leases = leasesOf(at, REAL_CLOCK)
  await expect(leases.withLease(KEY, AbortSignal.timeout(300), async () => 'in')).rejects.toThrow(/timeout/)
  const later: Clock = { ...REAL_CLOCK, now: () => Date.now() + LEASE_MS }
  await expect(leasesOf(at, later).withLease(KEY, AbortSignal.timeout(5_000), async (f) => f)).resolves.toBe(2)
})
