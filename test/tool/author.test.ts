import { defineScript, defineTool, z } from 'run-agent'
import { expect, expectTypeOf, test } from 'vitest'

test('a tool is a frozen record whose arguments have the type of its parameters', async () => {
  const tool = defineTool({
    description: 'Doubles.',
    parameters: z.object({ number: z.int(), unit: z.string().optional() }),
    needs: { read: true },
    async execute({ number, unit }, { user }) {
      expectTypeOf(number).toEqualTypeOf<number>()
      expectTypeOf(unit).toEqualTypeOf<string | undefined>()
      return `${user}: ${number * 2}${unit ?? ''}`
    },
  })
  expect(Object.isFrozen(tool)).toBe(true)
  expect(tool).toMatchObject({ kind: 'tool', description: 'Doubles.', needs: { read: true } })
  const context = { settings: {}, user: 'ada', signal: new AbortController().signal, idempotencyKey: '' }
  expect(await tool.execute({ number: 2 }, context)).toBe('ada: 4')
})

test('a script is a frozen record whose play gets the task and a way to call tools', async () => {
  const script = defineScript(async (task, call) => {
    const { files } = await call('list_files', { path: task })
    return files
  })
  expect(script.kind).toBe('script')
  expect(Object.isFrozen(script)).toBe(true)
  expect(await script.play('src', async <Result>() => ({ files: ['a'] }) as Result)).toEqual(['a'])
})
