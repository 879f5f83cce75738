/** What a tool finds in its isolate, through a real sandbox and a listener that answers from a table. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCapabilityRequest } from '../../../runtime/sandbox/protocol.ts'
import type { Sandbox } from '../../../runtime/sandbox/sandbox.ts'
import {
  callOf,
  fails,
  ok,
  openSandbox,
  play,
  toolOf,
  valueOf,
  type Answer,
  type Played,
} from '../../support/sandbox.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await openSandbox({ outerWall: false })
})
afterAll(() => sandbox.close())

const bytes = (text: string): string => JSON.stringify({ ok: true, bytes: Buffer.from(text).toString('base64') })
const STAT = { type: 'file', size: 5, modifiedMs: 1000, mode: 0o644 }
const LISTING: Readonly<Record<string, readonly object[]>> = {
  d: [
    { name: 'a', type: 'file' },
    { name: 'sub', type: 'directory' },
    { name: 'l', type: 'link' },
  ],
  'd/sub': [{ name: 'b', type: 'file' }],
}

const answer: Answer = (request) => {
  const path = String(request['path'])
  if (path.includes('missing')) return fails('ENOENT', `ENOENT: no such file, '${path}'`)
  if (request.op === 'fs.read' || request.op === 'fs.readRange') return bytes('hello')
  if (request.op === 'fs.stat') return ok({ ...STAT, type: Object.hasOwn(LISTING, path) ? 'directory' : 'file' })
  if (request.op === 'fs.list') return ok(LISTING[path] ?? [])
  if (request.op === 'fs.readlink') return ok('target')
  return ok()
}

const run = (body: string): Promise<Played> => play(sandbox, callOf(toolOf(body)), answer)
const withFs = (body: string): Promise<Played> => run(`const fs = require('node:fs/promises'); ${body}`)

const read = (path: string): object => ({ op: 'fs.read', path })
const write = (data: string, how: string, path = 'f'): object => ({
  op: 'fs.write',
  path,
  data: Buffer.from(data).toString('base64'),
  how,
})
const stat = (path: string, followLinks: boolean): object => ({ op: 'fs.stat', path, followLinks })
const list = (path: string): object => ({ op: 'fs.list', path })
const remove = (path: string, kind: string): object => ({ op: 'fs.delete', path, kind })

describe('node:fs/promises', () => {
  test.each<[body: string, requests: readonly object[], value: unknown]>([
    ["(await fs.readFile('f')).toString()", [read('f')], 'hello'],
    ["await fs.readFile('f', 'utf8')", [read('f')], 'hello'],
    ["await fs.readFile('f', { encoding: 'hex' })", [read('f')], '68656c6c6f'],
    ["await fs.readFile('/workspace/f', 'utf8')", [read('f')], 'hello'],
    ["await fs.readFile(Buffer.from('f'), 'utf8')", [read('f')], 'hello'],
    ["await fs.readFile('../f', 'utf8')", [read('../f')], 'hello'],
    ["await fs.readFile('/etc/passwd', 'utf8')", [read('/etc/passwd')], 'hello'],
    ["await fs.writeFile('f', 'é')", [write('é', 'replace')], null],
    ["await fs.writeFile('f', new Uint8Array([104]))", [write('h', 'replace')], null],
    ["await fs.writeFile('f', new DataView(new ArrayBuffer(1)))", [write('\0', 'replace')], null],
    ["await fs.writeFile('f', '68', 'hex')", [write('h', 'replace')], null],
    ["await fs.writeFile('f', 'x', { flag: 'wx' })", [write('x', 'create')], null],
    ["await fs.writeFile('f', 'x', { flag: 'a' })", [write('x', 'append')], null],
    ["await fs.appendFile('f', 'x')", [write('x', 'append')], null],
    ["await fs.readdir('d')", [list('d')], ['a', 'sub', 'l']],
    ["await fs.readdir('/workspace')", [list('.')], []],
    ["await fs.readdir('d', { recursive: true })", [list('d'), list('d/sub')], ['a', 'sub', 'l', 'sub/b']],
    [
      "(await fs.readdir('d', { withFileTypes: true })).map((e) => [e.name, e.parentPath, e.isFile(), e.isDirectory(), e.isSymbolicLink()])",
      [list('d')],
      [
        ['a', 'd', true, false, false],
        ['sub', 'd', false, true, false],
        ['l', 'd', false, false, true],
      ],
    ],
    [
      "await fs.stat('f').then((s) => [s.size, s.isFile(), s.mode, s.mtime.toISOString()])",
      [stat('f', true)],
      [5, true, 0o100644, '1970-01-01T00:00:01.000Z'],
    ],
    ["(await fs.lstat('d')).isDirectory()", [stat('d', false)], true],
    ["await fs.access('f')", [stat('f', true)], null],
    ["await fs.mkdir('n')", [{ op: 'fs.mkdir', path: 'n', recursive: false }], null],
    ["await fs.mkdir('n', { recursive: true })", [{ op: 'fs.mkdir', path: 'n', recursive: true }], null],
    ["await fs.unlink('f')", [remove('f', 'file')], null],
    ["await fs.rmdir('d')", [remove('d', 'directory')], null],
    ["await fs.rm('f')", [stat('f', false), remove('f', 'file')], null],
    [
      "await fs.rm('d/sub', { recursive: true })",
      [
        stat('d/sub', false),
        list('d/sub'),
        stat('d/sub/b', false),
        remove('d/sub/b', 'file'),
        remove('d/sub', 'directory'),
      ],
      null,
    ],
    ["await fs.rm('missing', { force: true })", [stat('missing', false)], null],
    ["await fs.rename('a', 'b')", [{ op: 'fs.rename', from: 'a', to: 'b' }], null],
    ["await fs.copyFile('a', 'b')", [read('a'), write('hello', 'replace', 'b')], null],
    ["await fs.readlink('l')", [{ op: 'fs.readlink', path: 'l' }], 'target'],
    [
      `await (async () => {
        const file = await fs.open('f')
        const into = Buffer.alloc(8)
        const first = await file.read(into, 1, 5, 7)
        const second = await file.read({ buffer: Buffer.alloc(3) })
        await file.close()
        return [first.bytesRead, into.toString('latin1'), second.bytesRead]
      })().catch((error) => error.name)`,
      [
        stat('f', true),
        { op: 'fs.readRange', path: 'f', position: 7, length: 5 },
        { op: 'fs.readRange', path: 'f', position: 0, length: 3 },
      ],
      // The listener answers five bytes where three fit, which no host does: it must not write past the buffer.
      'RangeError',
    ],
  ])('%s', async (body, requests, value) => {
    const played = await withFs(`return ${body}`)
    expect(valueOf(played)).toEqual(value)
    expect(played.requests).toEqual(requests)
    for (const request of requests) expect(parseCapabilityRequest(JSON.stringify(request))).toBeDefined()
  })

  test.each(['readFile', 'stat', 'readdir', 'unlink', 'open', 'rm', 'access', 'readlink'])(
    '%s of what is missing rejects with its code',
    async (name) => {
      const body = `return await fs.${name}('missing').catch((e) => [e.code, e.name, e instanceof Error, e.message])`
      expect(valueOf(await withFs(body))).toEqual(['ENOENT', 'Error', true, "ENOENT: no such file, 'missing'"])
    },
  )

  test.each<[string, string]>([
    [
      "fs.symlink('a', 'b')",
      'not supported in the sandbox: fs.symlink: no link is ever made, because links lead out of what a rule grants',
    ],
    ["fs.chmod('a', 1)", 'not supported in the sandbox: fs.chmod: modes and owners belong to the host'],
    ["fs.watch('a')", 'not supported in the sandbox: fs.watch: a call ends, so it has nothing to wait for'],
    ["fs.writeFile('f', 'x', { flag: 'r+' })", 'not supported: writeFile with flag "r+"; w, wx and a are'],
    ["fs.open('f', 'r+')", 'not supported: open with flag "r+"; r, w, wx and a are, each for one direction'],
    ['fs.readFile({})', 'the path must be a string or a Buffer'],
    ["fs.readFile('x'.repeat(5000))", 'ENAMETOOLONG: name too long'],
    ["fs.writeFile('f', {})", 'the data must be a string or a Uint8Array'],
    ["fs.rm('d')", "EISDIR: is a directory, rm 'd'"],
  ])('%s says why not', async (body, message) => {
    const { end } = await withFs(`return await ${body}`)
    expect(end).toMatchObject({ kind: 'failed', error: { message } })
  })
})

describe('modules', () => {
  test.each(['node:child_process', 'http', 'node:vm', 'isolated-vm', '__proto__', 'constructor', ''])(
    'there is no %j',
    async (id) => {
      const { end } = await run(`return require(${JSON.stringify(id)})`)
      const message = `the sandbox has no module ${JSON.stringify(id)}`
      expect(end).toMatchObject({ kind: 'failed', error: { name: 'LoadError', message } })
    },
  )

  test('path starts from the workspace; Buffer and the encoders are there', async () => {
    const body = `const path = require('path'); return [path.resolve('a', '../b'), path.join('a', '..', 'c'),
      require('node:buffer').Buffer === Buffer, new TextDecoder().decode(new TextEncoder().encode('é')), atob(btoa('x'))]`
    expect(valueOf(await run(body))).toEqual(['/workspace/b', 'c', true, 'é', 'x'])
  })

  test('z describes and parses nothing', async () => {
    const schema = "const { z } = require('run-agent'); const s = z.object({ a: z.string().min(1) })"
    expect(valueOf(await run(`${schema}; return typeof s.optional`))).toBe('function')
    const { end } = await run(`${schema}; return s.safeParse({})`)
    expect(end).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('is inert') as string } })
  })
})

describe('how a call ends', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', default: 3 } }, additionalProperties: false }
  test.each([
    ['{"n":7}', { kind: 'ok', value: 7 }],
    ['{}', { kind: 'ok', value: 3 }],
    [
      '{"n":"7"}',
      { kind: 'failed', error: { name: 'InvalidArguments', code: 'E_ARGUMENTS', message: 'n: must be integer' } },
    ],
    ['{"m":1}', { kind: 'failed', error: { code: 'E_ARGUMENTS', message: 'm: is not a parameter' } }],
    ['{"__proto__":{"n":1}}', { kind: 'failed', error: { code: 'E_ARGUMENTS' } }],
  ])('with the arguments %s', async (input, end) => {
    expect((await play(sandbox, callOf(toolOf('return args.n'), { input, schema }))).end).toMatchObject(end)
  })

  test.each<[body: string, error: object]>([
    ["throw new TypeError('t')", { name: 'TypeError', message: 't' }],
    ["throw 'text'", { name: 'Error', message: 'text' }],
    ['throw Object.create(null)', { message: 'the tool threw something that cannot be read' }],
    ["throw Object.assign(new Error('x'), { code: 'C'.repeat(99) })", { code: 'C'.repeat(64) }],
    ["throw new Error('x'.repeat(1e6))", { message: 'x'.repeat(4096) }],
    ['const a = {}; a.a = a; return a', { name: 'TypeError' }],
    ['return 1n', { name: 'TypeError' }],
    ["return { get a() { throw new RangeError('g') } }", { name: 'RangeError', message: 'g' }],
  ])('%s', async (body, error) => {
    expect((await run(body)).end).toMatchObject({ kind: 'failed', error })
  })

  test('code that does not compile is a failed load; a parse error that nobody handles is none', async () => {
    const { end } = await run('return }{')
    expect(end).toMatchObject({ kind: 'failed', error: { name: 'LoadError', code: 'E_TOOL_LOAD' } })
    const logged = await run(
      "void Promise.reject(new SyntaxError('s')); await new Promise((r) => setTimeout(r)); return 1",
    )
    expect(logged.end).toMatchObject({ kind: 'ok', value: 1 })
    expect(logged.logs).toEqual([])
    const thrown = await run(
      "setTimeout(() => { throw new Error('t') }); await new Promise((r) => setTimeout(r)); return 1",
    )
    expect(thrown.logs).toEqual(['error: unhandled error: t'])
  })

  test.each([undefined, null, 0, '', [], { a: [1, { b: null }] }])('with %j', async (value) => {
    expect(valueOf(await run(`return ${JSON.stringify(value) ?? 'undefined'}`))).toEqual(value ?? null)
  })

  test('a key __proto__ in a result is a key and pollutes nothing', async () => {
    const value = valueOf(await run(`return JSON.parse('{"__proto__":{"polluted":1},"constructor":2}')`)) as object
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('what is printed is cut once and ends with a marker', async () => {
    const { logs, end } = await run("for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1")
    expect(end.kind).toBe('ok')
    expect(logs.join('').length).toBeLessThan(80_000)
    expect(logs.at(-1)).toContain('limit log reached')
  })
})
