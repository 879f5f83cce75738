import { afterAll, expect, test } from 'vitest'
import { callOf, openSandbox, play, toolOf, valueOf } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

const value = async (body: string): Promise<unknown> => valueOf(await play(sandbox, callOf(toolOf(body))))

test('a part comes when something of it is first named', async () => {
  expect(await value(`return new URL('../b?c=ä', 'https://h.example/a/x').href`)).toBe('https://h.example/b?c=%C3%A4')
  expect(await value(`return typeof Object.getOwnPropertyDescriptor(globalThis, 'URL').get`)).toBe('function')
  expect(await value(`new URL('a:b'); return Object.getOwnPropertyDescriptor(globalThis, 'URL').writable`)).toBe(true)
})

test('a guest may replace what it was given', async () => {
  expect(await value(`globalThis.URL = 1; return URL`)).toBe(1)
})

test('a part that takes its time takes none of the call, and comes to those who wait when its asker has gone', async () => {
  const named = toolOf(`return new URL('https://a.example/b').pathname`)
  using slow = disposable(await openSandbox({ outerWall: false, platformMs: 2000 }))
  expect(valueOf(await play(slow.sandbox, callOf(named, { limits: { wallMs: 1500 } })))).toBe('/b')
  using shared = disposable(await openSandbox({ outerWall: false, platformMs: 2000 }))
  const asker = shared.sandbox.run(callOf(named), { onRequest: () => undefined, onLog: () => undefined })
  const waiting = play(shared.sandbox, callOf(named))
  await new Promise((resolve) => setTimeout(resolve, 300))
  asker.kill('test', 'gone')
  expect(valueOf(await waiting)).toBe('/b')
  expect((await asker.ended).kind).toBe('killed')
})

function disposable(opened: typeof sandbox): { readonly sandbox: typeof sandbox } & Disposable {
  return { sandbox: opened, [Symbol.dispose]: () => opened.close() }
}

test('a tool that throws the words of a denied argument was denied nothing', async () => {
  const thrown = toolOf(`throw Object.assign(new Error('args: x'), { name: 'Denied', code: 'E_ARGS' })`)
  const { end } = await play(sandbox, callOf(thrown))
  expect(end).toMatchObject({ kind: 'failed', error: { name: 'Denied', message: 'args: x' } })
  expect(end.kind === 'failed' && 'code' in end.error).toBe(false)
})
