/** Guests that do their worst where a part of the platform comes: none of their code runs where nobody can end it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { callOf, ok, openSandbox, play, toolOf, valueOf, type Answer } from '../support/sandbox.ts'

const inTime: Answer = async (request) => {
  await new Promise((resolve) => setTimeout(resolve, Number(request['delayMs'])))
  return ok()
}

const IN_THE_WAY: readonly (readonly [name: string, body: string, end: object])[] = [
  [
    'a rejection whose message loops',
    `Promise.reject(Object.create(Error.prototype, { message: { get() { for (;;); } } })); URL
    await new Promise((resolve) => setTimeout(resolve, 1))`,
    { kind: 'ok' },
  ],
  [
    'a microtask that loops, beside code that runs in none',
    `const { startsWith } = String.prototype
    String.prototype.startsWith = function (...all) {
      String.prototype.startsWith = startsWith
      Promise.resolve().then(() => { for (;;); })
      URL
      return this.startsWith(...all)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))`,
    { kind: 'killed', cause: 'cpu' },
  ],
]

describe('while a part comes', () => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await openSandbox()
    valueOf(await play(sandbox, callOf(toolOf('return typeof URL'))))
  })
  afterAll(() => sandbox?.close())

  test.each(IN_THE_WAY)('%s takes no time from another call', { timeout: 20_000 }, async (_name, body, end) => {
    const waits = "for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 20)); return 'done'"
    const [bad, other] = await Promise.all([
      play(sandbox, callOf(toolOf(body), { limits: { wallMs: 4_000, cpuMs: 1_000 } }), inTime),
      play(sandbox, callOf(toolOf(waits), { limits: { wallMs: 1_500 } }), inTime),
    ])
    expect(other.end).toMatchObject({ kind: 'ok', value: 'done' })
    expect(bad.end).toMatchObject(end)
  })

  test.each([
    'Object.getOwnPropertyNames = (of) => (seen.push(of), Reflect.ownKeys(of))',
    "Object.defineProperty(Object.prototype, '__esModule', { configurable: true, get() { seen.push(this) } })",
    'const { defineProperty } = Object; Object.defineProperty = (...all) => (seen.push(...all, all[2]?.value), defineProperty(...all))',
  ])('what a part is given is not handed to a guest: %s', async (poison) => {
    const parts = 'performance; console; crypto; fetch; structuredClone; ReadableStream; process; Buffer; setImmediate'
    const body = `const seen = []; ${poison}; ${parts}; require('node:crypto'); require('node:zlib')
      return seen.filter((each) => each !== null && typeof each === 'object' && Object.hasOwn(each, 'moveBuffer')).length`
    expect(valueOf(await play(sandbox, callOf(toolOf(body))))).toBe(0)
  })

  test('a part of no platform is asked of nobody, so that it takes no process with it', async () => {
    const body = `Map.prototype[Symbol.iterator] = function* () { yield ['none', { modules: [['x']] }] }
      require('x')`
    expect((await play(sandbox, callOf(toolOf(body)))).end).toMatchObject({
      kind: 'failed',
      error: { message: 'the sandbox has no part none' },
    })
  })

  test('a part for which there was no room on the stack comes whole the next time', async () => {
    const body = `const deep = () => { try { deep() } catch (error) { try { URL } catch {} throw error } }
      try { deep() } catch {}
      return typeof URL`
    expect(valueOf(await play(sandbox, callOf(toolOf(body))))).toBe('function')
  })
})
