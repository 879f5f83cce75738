import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testTool } from 'run-agent/test'
import { makeTree, type Tree } from '../support/tree.ts'

let tree: Tree

beforeAll(() => {
  tree = makeTree(['tools/', 'package.json={"type":"commonjs"}'])
})
afterAll(() => tree[Symbol.dispose]())

/** A tool file with this body of `execute({ text }, context)`. */
function toolFile(name: string, body: string, imports = ''): string {
  const file = join(tree.path, 'tools', `${name}.ts`)
  writeFileSync(
    file,
    `import * as fs from 'node:fs/promises'
import { defineTool, z } from 'run-agent'
${imports}
export default defineTool({
  description: 'A tool of a test.',
  parameters: z.object({ text: z.string().optional() }),
  async execute({ text }, context) {
    ${body}
  },
})
`,
  )
  return file
}

const ALL = { read: ['**'], write: ['**'], delete: ['**'] }

describe('testTool()', () => {
  test.each(['sandbox', 'node'] as const)('answers for the network in %s, and nobody else does', async (where) => {
    const tool = toolFile(
      'asks',
      `const answer = await fetch('https://api.example/v1?page=1', { headers: { accept: 'text/plain' } })
       const other = await fetch('https://api.example/v2').catch(({ name }) => name)
       return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text(), other }`,
    )
    const result = await testTool(tool, {
      rules: { http: ['GET https://api.example/v1?page', 'GET https://api.example/v2'] },
      http: {
        'GET https://api.example/v1?page=1': { status: 201, headers: { 'Content-Type': 'text/x' }, body: 'näh' },
      },
      in: where,
    })
    expect(result.error).toBeUndefined()
    expect(result.output).toEqual({ status: 201, type: 'text/x', text: 'näh', other: 'TypeError' })
    if (where === 'node') return
    expect(result.requests.filter(({ op }) => op === 'http')).toEqual([
      {
        op: 'http',
        method: 'GET',
        url: 'https://api.example/v1?page=1',
        decision: 'permit',
        rule: 'GET https://api.example/v1?page',
      },
      {
        op: 'http',
        method: 'GET',
        url: 'https://api.example/v2',
        decision: 'permit',
        rule: 'GET https://api.example/v2',
      },
    ])
  })

  test.each([
    ['GET', /is not METHOD URL/],
    ['get https://a.example/', /is not METHOD URL/],
    ['GET /a', /is not METHOD URL/],
  ])('refuses an answer to %j', async (request, message) => {
    await expect(testTool(toolFile('asks-nothing', 'return 1'), { http: { [request]: {} } })).rejects.toThrow(message)
  })

  test.each(['sandbox', 'node'] as const)('gives result, files and prints in %s', async (where) => {
    const tool = toolFile(
      'changes',
      `console.warn('on', text)
       await fs.mkdir('made')
       await fs.writeFile('made/bytes.bin', new Uint8Array([255, 0, 1]))
       await fs.rename('old.txt', 'new.txt')
       await fs.unlink('gone.txt')
       return { text, read: await fs.readFile('new.txt', 'utf8'), nothing: undefined, user: context.user, settings: context.settings }`,
    )
    const files = { 'old.txt': 'é\n', 'gone.txt': '', 'deep/kept.txt': '\ufeffkept' }
    const result = await testTool(pathToFileURL(tool), {
      args: { text: 'it' },
      rules: ALL,
      files,
      settings: { region: 'eu' },
      user: 'eve',
      in: where,
    })
    expect(result.error).toBeUndefined()
    expect(result.output).toEqual({ text: 'it', read: 'é\n', user: 'eve', settings: { region: 'eu' } })
    expect(result.files).toEqual({
      'deep/kept.txt': '\ufeffkept',
      'made/bytes.bin': new Uint8Array([255, 0, 1]),
      'new.txt': 'é\n',
    })
    expect(result.logs).toEqual([{ level: 'warn', text: 'on it' }])
  })

  test('tells each request with its decision, and enforces the rules of a definition', async () => {
    const tool = toolFile(
      'asks',
      `const tried = async (path) => fs.readFile(path, 'utf8').catch(({ name, code }) => name + ' ' + code)
       return [await tried('a/ok.txt'), await tried('a/no.txt'), await tried('.env'), await tried('a/absent.txt')]`,
    )
    const rules = { read: ['a/**'], deny: ['**/no.txt'] }
    const { output, requests } = await testTool(tool, {
      rules,
      files: { 'a/ok.txt': 'ok', 'a/no.txt': 'no', '.env': 'secret' },
    })
    expect(output).toEqual(['ok', 'Denied E_DENIED', 'Denied E_DENIED', 'Error ENOENT'])
    expect(requests).toEqual([
      { op: 'fs.read', path: 'a/ok.txt', decision: 'permit', rule: 'read a/**' },
      { op: 'fs.read', path: 'a/no.txt', decision: 'deny', rule: 'deny **/no.txt' },
      { op: 'fs.read', path: '.env', decision: 'deny', rule: 'protected .env' },
      { op: 'fs.read', path: 'a/absent.txt', decision: 'permit', rule: 'read a/**' },
    ])
  })

  test('grants nothing without rules', async () => {
    const tool = toolFile('nothing', `return await fs.readFile('a.txt', 'utf8')`)
    const { output, error } = await testTool(tool, { files: { 'a.txt': 'a' } })
    expect(output).toBeUndefined()
    expect(error).toMatchObject({ name: 'Denied', message: 'no rule permits it. nothing has no right to any file' })
  })

  test('comes out the same each time, and waiting moves the clock', async () => {
    const tool = toolFile(
      'clock',
      `const [start, random] = [Date.now(), Math.random()]
       await new Promise((resolve) => setTimeout(resolve, 250))
       return [start, random, Date.now() - start]`,
    )
    const options = { now: new Date('2020-02-02T00:00:00Z'), seed: 'f'.repeat(32) }
    const { output } = await testTool(tool, options)
    expect(output).toEqual([Date.UTC(2020, 1, 2), expect.any(Number), 250])
    expect((await testTool(tool, options)).output).toEqual(output)
    expect((await testTool(tool, { ...options, seed: '0'.repeat(32) })).output[1]).not.toBe(output[1])
  })

  test.each(['sandbox', 'node'] as const)('ends a tool that loops, and tells what one throws, in %s', async (where) => {
    const rules = { limits: { timeout: '1s' } }
    const loop = await testTool(toolFile('loops', 'for (;;) {}'), { rules, in: where })
    expect(loop.error).toMatchObject({ name: 'Killed', code: 'E_LIMIT_TIMEOUT' })
    const thrown = await testTool(toolFile('throws', `throw Object.assign(new RangeError('far'), { code: 'E_FAR' })`), {
      in: where,
    })
    expect(thrown).toMatchObject({ output: undefined, error: { name: 'RangeError', code: 'E_FAR', message: 'far' } })
    const wrong = await testTool(toolFile('takes', 'return text'), { args: { texts: 'x' }, in: where })
    expect(wrong.error).toMatchObject({ name: 'InvalidArguments', code: 'E_ARGUMENTS' })
  })

  test('runs the tools that come with run-agent, and rules for arguments', async () => {
    const rules = { write: ['**'], args: { content: { type: 'string', maxLength: 3 } } }
    const written = await testTool('run-agent/write_file', { args: { path: 'a/b.md', content: 'abc' }, rules })
    expect(written.files).toEqual({ 'a/b.md': 'abc' })
    const refused = await testTool('run-agent/write_file', { args: { path: 'a/b.md', content: 'abcd' }, rules })
    expect(refused).toMatchObject({ files: {}, error: { name: 'Denied', code: 'E_ARGS' } })
  })

  test('reads what a tool imports from the folder of its definition, and from nowhere else', async () => {
    writeFileSync(join(tree.path, 'shared.ts'), 'export const shared: string = "shared"\n')
    const tool = toolFile('imports', 'return shared', `import { shared } from '../shared.ts'`)
    await expect(testTool(tool)).rejects.toThrow('../shared.ts')
    for (const where of ['sandbox', 'node'] as const) {
      expect((await testTool(tool, { folder: tree.path, in: where })).output).toBe('shared')
    }
  })

  test('is nothing that a tool could import', async () => {
    const tool = toolFile('nested', 'return testTool', `import { testTool } from 'run-agent/test'`)
    await expect(testTool(tool)).rejects.toThrow('there is no module run-agent/test')
  })

  test('rejects, in words, what is no test', async () => {
    const tool = toolFile('fine', 'return 1')
    await expect(testTool('./fine.ts')).rejects.toThrow('must be an absolute path or a URL')
    await expect(testTool(tool, { file: {} } as never)).rejects.toThrow('testTool has no option file')
    await expect(testTool(tool, { seed: 'x' })).rejects.toThrow('32 hexadecimal digits')
    await expect(testTool(tool, { rules: { reed: ['**'] } })).rejects.toThrow(
      'unknown key `reed` in a tool; did you mean `read`?',
    )
    await expect(testTool(tool, { files: { '../a': '' } })).rejects.toThrow('../a, which is no path of a workspace')
    await expect(testTool(tool, { files: { a: '', 'a/b': '' } })).rejects.toThrow('a is a file')
    await expect(testTool(join(tree.path, 'absent.ts'))).rejects.toThrow('there is no module ./absent.ts')
    await expect(testTool(toolFile('broken', 'return ]'))).rejects.toThrow(/broken\.ts:8:\d+/)
  })
})
