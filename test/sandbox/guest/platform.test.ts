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
