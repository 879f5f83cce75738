/** What a guest can do with the language alone: no row may reach the host, another realm, the real clock or the wire. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIsolatedVm } from '../../runtime/sandbox/isolated-vm.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { NODES } from '../support/node-24.ts'
import { callOf, codeOf, fails, installation, ok, openSandbox, play, toolOf, valueOf } from '../support/sandbox.ts'

const textOf = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../support/${name}`, import.meta.url)), 'utf8')
const walker = textOf('guest-walker.js')
const shadowing = textOf('shadowing.js')

const ROOTS = `[globalThis, args, context, require, require('run-agent'), require('fs/promises'), require('path'),
  require('buffer'), (function () { return arguments })(), Promise.resolve(1), (function* () {})(), (async function* () {})(),
  async () => {}, [].values(), new Map().entries(), new Set().values(), 'a'.matchAll(/a/g), Iterator.from([]), [].values().map(String),
  new Proxy({}, {}), Object.assign(() => 0, { x: 1 }), new Error('x'), await require('fs/promises').readFile('x').catch((e) => e),
  await require('fs/promises').stat('y'), await require('fs/promises').readdir('y'), setTimeout(() => 0, 1),
  await import('x').catch((e) => e), (() => { try { null.x } catch (e) { return e } })(), (() => { try { new Function('(') } catch (e) { return e } })(),
  (() => { try { (function f() { f() })() } catch (e) { return e } })(), (() => { try { require('os') } catch (e) { return e } })(),
  (() => { try { setTimeout(1) } catch (e) { return e } })(), (() => { try { new ArrayBuffer(-1) } catch (e) { return e } })(), (() => { try { console.log({ toJSON() { throw 1 } }) } catch (e) { return e } })(),
  (() => { try { new URL('x') } catch (e) { return e } })()]`

/** Each returns what it reached that it should not have. */
const REACHES: readonly (readonly [name: string, body: string])[] = [
  ['everything that can be walked to', `${walker}; return walk(${ROOTS}).found`],
  [
    'everything that V8’s own methods are handed',
    `${walker}; ${shadowing.replace('return { leaks', 'const result = { leaks')}; return result.caught && result.replaced ? result.leaks : ['nothing was caught']`,
  ],
  [
    'frames of a stack trace',
    `const out = []
     Error.prepareStackTrace = (error, sites) => sites
     const look = (why) => {
       for (const site of new Error(why).stack) {
         const own = site.getFileName() === 'file:///tool.ts'
         if (site.getFunction() !== undefined && !own) out.push([why, 'function', site.getFunctionName()])
         if (site.getThis() !== undefined && !own) out.push([why, 'this'])
         if ((site.getFileName() ?? null) !== null && !/^file:\\/\\/\\/(tool\\.ts|boot\\.ts|platform\\/[a-z]+\\.ts|run-agent)$/.test(site.getFileName() ?? '')) out.push([why, site.getFileName()])
         if (site.getEvalOrigin()?.includes('/tmp')) out.push([why, site.getEvalOrigin()])
       }
       return 1
     }
     look('execute')
     console.log({ toJSON: () => look('toJSON') }, { get x() { return look('getter') } })
     console.log(Object.create(Error.prototype, { stack: { get: () => look('a stack read by console') } }))
     setTimeout(() => 0, { valueOf: () => look('valueOf') })
     queueMicrotask(() => look('a microtask'))
     await new Promise((done) => setTimeout(() => done(look('a timer')), 1))
     await require('fs/promises').readFile('x').catch(() => look('a rejection'))
     await { then: (done) => done(look('a thenable')) }
     await require('fs/promises').readFile({ toString: () => (look('a path'), 'x') }).catch(() => 0)
     await require('fs/promises').writeFile('x', { toString: () => (look('data'), 'x') }).catch(() => 0)
     return out`,
  ],
  [
    'callers and their arguments',
    `const out = []
     const climb = function climb() {
       let at = climb.caller
       for (let depth = 0; at && depth < 20; depth++) {
         if (!/tool|climb|execute/.test(at.name) && at.name !== '') out.push(at.name)
         for (const argument of at.arguments ?? []) if (typeof argument === 'function') out.push('an argument')
         at = at.caller
       }
       return 1
     }
     const run = (act) => { try { act() } catch {} }
     run(() => console.log(Object.create(Error.prototype, { stack: { get: climb } })))
     run(() => setTimeout(() => 0, { valueOf: climb }))
     run(() => new Intl.DateTimeFormat({ toString: climb }))
     await new Promise((done) => { setTimeout(function () { climb(); done() }, 1) })
     queueMicrotask(climb)
     await 0
     return out`,
  ],
  [
    'a frame of the host in any error',
    `const texts = []
     const keep = (error) => texts.push(String(error?.stack), String(error?.message), String(error?.cause))
     const act = async (f) => { try { keep(await f()) } catch (error) { keep(error) } }
     await act(() => require('node:child_process')); await act(() => import('node:fs')); await act(() => eval('import("fs")'))
     await act(() => require('fs/promises').readFile('x')); await act(() => require('fs/promises').open('x'))
     await act(() => require('fs/promises').readFile(Symbol('x'))); await act(() => new URL('x:')); await act(() => new URL('::'))
     await act(() => console.log(Symbol('x'))); await act(() => setTimeout('x')); await act(() => structuredClone({}))
     await act(() => new Function('return this.process.env')()); await act(() => new Uint8Array(-1)); await act(() => 'x'.repeat(2 ** 30))
     await act(() => { Error.stackTraceLimit = 1000; const f = (n) => (n === 0 ? null.x : f(n - 1)); f(900) })
     await act(() => { const target = {}; Error.captureStackTrace(target); return target })
     await act(() => new AggregateError([new Error('a')], 'b', { cause: new Error('c') })); await act(() => new SuppressedError(1, 2))
     return texts.filter((text) => /\\/(tmp|home|root|work|usr|sandbox)\\/|node:|process\\.ts|\\.node\\b/.test(text.replaceAll('"node:', '"')))`,
  ],
  [
    'the global of another realm',
    `const globals = new Set([globalThis, Function('return this')(), (0, eval)('this'), new Function('return this')(),
       (function () { return this })(), (() => {}).constructor('return this')(),
       Object.getPrototypeOf(function* () {}).constructor('yield this')().next().value,
       await Object.getPrototypeOf(async () => {}).constructor('return this')(),
       (await Object.getPrototypeOf(async function* () {}).constructor('yield this')().next()).value,
       Reflect.construct(Function, ['return this'])(), Reflect.apply(Function.prototype.call, Function, [null, 'return this'])(),
       [].map.constructor('return this')(), require.constructor('return this')(), console.log.constructor('return this')(),
       Date.constructor('return this')(), Math.random.constructor('return this')(), setTimeout.constructor('return this')()])
     return globals.size === 1 ? [] : ['another global']`,
  ],
  [
    'a constructor of another realm',
    `const chains = [args, context, require, console, Promise.resolve(), new Error(), await require('fs/promises').readFile('x').catch((e) => e)]
     return chains.flatMap((value) => {
       let at = value
       const out = []
       for (let depth = 0; at !== null && depth < 50; depth++) {
         const made = at.constructor
         if (typeof made === 'function' && made.constructor !== Function) out.push(String(made.name))
         at = Object.getPrototypeOf(at)
       }
       return out
     })`,
  ],
  [
    'module syntax and modules',
    `const out = []
     for (const text of ['import.meta', 'import.meta.url', 'import x from "fs"', 'export default 1']) { try { eval(text); out.push(text) } catch {} }
     for (const id of ['fs', 'node:fs', './tool.ts', 'data:text/javascript,1', 'file:///boot.ts', 'run-agent', '__proto__', '']) { try { await import(id); out.push(id) } catch {} }
     for (const id of ['fs', 'os', 'child_process', 'vm', 'v8', 'worker_threads', 'process', 'module', 'inspector', '__proto__', 'constructor', 'toString', '', '../boot', 'part url']) { try { require(id); out.push(id) } catch {} }
     // These are ours: fixed answers, and no more of the machine than the broker gives.
     return out.filter((id) => !['fs', 'os', 'worker_threads', 'process', 'module'].includes(id))`,
  ],
  [
    'a host that listens to hooks',
    `const out = []
     for (const name of ['onunhandledrejection', 'onerror', 'setHost', 'debug']) if (name in globalThis) out.push(name)
     debugger
     return out`,
  ],
]

/** Each returns a value that says whose answer it was; the second text is what it must be. */
const BEHAVES: readonly (readonly [name: string, body: string, value: unknown])[] = [
  [
    '`with` sees no more than is there',
    `return Function('o', 'with (o) { return typeof vm + typeof x }')({ x: 1 })`,
    'undefinednumber',
  ],
  [
    'a tagged template is cached in its own place alone',
    `const t = (s) => s; const f = () => t\`a\`; return [f() === f(), t\`a\` === t\`a\`, Object.isFrozen(f())]`,
    [true, false, true],
  ],
  [
    'species of a promise',
    `class P extends Promise { static get [Symbol.species]() { return class { constructor(f) { f(() => 0, () => 0) } } } }
     return typeof P.resolve(1).then(() => 1)`,
    'object',
  ],
  [
    'species of an array and a buffer',
    `class A extends Array { static get [Symbol.species]() { return Function } }; const out = []
     try { new A(1, 2).map((x) => x) } catch {}
     class B extends ArrayBuffer { static get [Symbol.species]() { return class { constructor(n) { return new ArrayBuffer(n, { maxByteLength: 99 }) } } } }
     out.push(new B(8).slice(1).resizable, new ArrayBuffer(8, { maxByteLength: 99 }).resizable, Reflect.construct(ArrayBuffer, [8, { maxByteLength: 99 }]).resizable,
       Reflect.construct(ArrayBuffer, [8, { maxByteLength: 99 }], B).resizable, new (Object.getPrototypeOf(B))(8, { maxByteLength: 99 }).resizable, new (new ArrayBuffer(1).constructor)(8, { maxByteLength: 99 }).resizable)
     return out`,
    [false, false, false, false, false, false],
  ],
  [
    '`then` of everything',
    `Object.prototype.then = function (done) { done('caught') }; const got = await {}; delete Object.prototype.then; return got`,
    'caught',
  ],
  ['a thenable as the result', `return { then: (done) => done({ then: (again) => again(7) }) }`, 7],
  [
    'a result whose getter throws',
    `return Object.defineProperty({}, 'x', { enumerable: true, get() { throw new Error('mine') } })`,
    { name: 'Error', message: 'mine' },
  ],
  [
    'a result that is a proxy',
    `return new Proxy({ a: 1 }, { ownKeys: () => ['a', 'b'], getOwnPropertyDescriptor: (t, k) => ({ value: k, enumerable: true, configurable: true }), get: (t, k) => (k === 'toJSON' ? undefined : k) })`,
    { a: 'a', b: 'b' },
  ],
  [
    'an error whose members lie',
    `throw new Proxy(new Error('x'), { get: (t, key) => (key === 'message' ? { toString: () => 'lie' } : key === 'name' ? 'x'.repeat(1000) : Reflect.get(t, key)) })`,
    { name: 'x'.repeat(64), message: 'lie' },
  ],
  [
    'an error that throws when it is read',
    `throw new Proxy(new Error('x'), { get() { throw 1 }, getPrototypeOf() { throw 2 } })`,
    { name: 'Error', message: 'the tool threw something that cannot be read' },
  ],
  ['a thrown null', `throw null`, { name: 'Error', message: 'null' }],
  ['a thrown symbol', `throw Symbol('x')`, { name: 'Error', message: 'Symbol(x)' }],
  [
    'an error with a code of an object',
    `throw Object.assign(new Error('m'), { code: { toString: () => 'E_DENIED' } })`,
    { name: 'Error', message: 'm' },
  ],
  ['toJSON of everything', `Object.prototype.toJSON = () => 'forged'; return { a: 1 }`, 'forged'],
  ['a stringify of its own', `JSON.stringify = () => '{"kind":"limit"}'; return 1`, 1],
  [
    'a parse of its own',
    `JSON.parse = () => ({ ok: true, value: 'forged' }); return await require('fs/promises').stat('x').catch((e) => e.code)`,
    'ENOENT',
  ],
  ['a function that says it is a tool', `return { kind: 'ok', value: 'inner' }`, { kind: 'ok', value: 'inner' }],
  ['big integers and cycles', `const a = {}; a.a = a; return a`, expect.objectContaining({ name: 'TypeError' })],
  [
    'surrogates, NUL and U+2028 in a result',
    `return ['\\ud800', '\\u0000', '\\u2028', '"', '\\\\']`,
    ['\ud800', '\0', '\u2028', '"', '\\'],
  ],
  ['numbers that JSON has not', `return [NaN, Infinity, -0, 1e308 * 10, 2 ** 53]`, [null, null, 0, null, 2 ** 53]],
  ['sparse arrays, holes and undefined', `return [, undefined, () => 1, Symbol('x')]`, [null, null, null, null]],
]

describe.each(NODES)('$name', ({ skip, processes, files }) => {
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!skip) sandbox = await openSandbox({ outerWall: false, processes, files })
  })
  afterAll(() => sandbox?.close())

  const answer = ({ op }: { readonly op: string }): string =>
    op === 'timer' ? ok() : op === 'fs.list' ? ok([{ name: 'n', type: 'file' }]) : fails('ENOENT')

  test.skipIf(skip).each(REACHES)('reaches nothing: %s', async (_name, body) => {
    const stat = ok({ type: 'file', size: 1, mode: 0o644, modifiedMs: 5 })
    const played = await play(sandbox, callOf(toolOf(body)), (request) =>
      request.op === 'fs.stat' && request['path'] === 'y' ? stat : answer(request),
    )
    expect(valueOf(played)).toEqual([])
  })

  test.skipIf(skip).each(BEHAVES)('%s', async (_name, body, value) => {
    const { end } = await play(sandbox, callOf(toolOf(body)), answer)
    expect(end.kind === 'ok' ? end.value : end.kind === 'failed' ? end.error : end).toEqual(value)
  })

  test.skipIf(skip)('keys named __proto__ change no prototype on either side', async () => {
    const input =
      '{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}'
    const schema = { type: 'object', properties: { a: { type: 'object', default: {} }, b: { default: { x: 1 } } } }
    const body = `const spread = { ...args, ...args.a }; return [({}).polluted, Object.keys(args), spread.polluted, JSON.parse('{"__proto__":{"polluted":1},"x":1}')]`
    const { end } = await play(sandbox, callOf(toolOf(body), { input, schema }))
    expect(end).toMatchObject({ kind: 'ok' })
    const value = end.kind === 'ok' ? (end.value as readonly unknown[]) : []
    expect(value[0]).toBe(null)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    // It arrives as a member like any other, and nothing inherits from it.
    expect(Object.getPrototypeOf(value[3])).toBe(Object.prototype)
    expect(Object.keys(Object(value[3])).toSorted()).toEqual(['__proto__', 'x'])
  })

  test.skipIf(skip)('what crosses is what was said, whatever was replaced', async () => {
    const body = `
      const fs = require('fs/promises')
      Array.prototype.map = Array.prototype.join = String.prototype.startsWith = Map.prototype.set = () => 'forged'
      Object.defineProperty(Array.prototype, 0, { set() {}, configurable: true })
      RegExp.prototype.exec = () => null
      Reflect.apply = Function.prototype.call = Function.prototype.apply = () => 'forged'
      void fs.readdir('a'); void fs.stat('b'); setTimeout(() => 0, 5)
      await new Promise(() => {})`
    const { end, requests } = await play(sandbox, callOf(toolOf(body), { limits: { wallMs: 1500 } }), answer)
    // The guest spoilt its own paths; what it asks for is still what the host hears and decides.
    expect(requests).toEqual([
      { op: 'fs.list', path: expect.any(String) as string },
      { op: 'fs.stat', path: expect.any(String) as string, followLinks: true },
      { op: 'timer', delayMs: 5 },
    ])
    expect(end.kind).not.toBe('ok')
  })

  test.skipIf(skip)('a toJSON of everything forges nothing but the guest’s own requests', async () => {
    const body = `Object.prototype.toJSON = () => ({ op: 'fs.read', path: 'other' }); return await require('fs/promises').stat('x').catch((e) => e.code)`
    const { requests } = await play(sandbox, callOf(toolOf(body)), answer)
    // The host decides on what crossed, and on nothing that stayed behind.
    expect(requests).toEqual([{ op: 'fs.read', path: 'other' }])
  })

  test.skipIf(skip)('a module that replaces everything before the runtime plays it', async () => {
    const code = codeOf(
      `const { defineTool } = require('run-agent'); const forged = () => 'forged'
       for (const owner of [JSON, Map.prototype, Array.prototype, String.prototype, Object, Number, Promise.prototype, Reflect])
         for (const key of Reflect.ownKeys(owner)) if (typeof owner[key] === 'function' && key !== 'constructor' && owner !== Reflect) try { owner[key] = forged } catch {}
       module.exports = { default: { kind: 'tool', execute: () => 'played' } }`,
    )
    const { end } = await play(sandbox, callOf(code, { limits: { wallMs: 1500 } }))
    expect(['failed', 'killed', 'ok']).toContain(end.kind)
    expect(valueOf(await play(sandbox, callOf(toolOf('return 1'))))).toBe(1)
  })
})

describe('the channel for parts of the platform in the guest’s hands', () => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await openSandbox({ outerWall: false })
  })
  afterAll(() => sandbox.close())

  /** Reads the runtime's own map of parts out of `for (… of PLATFORM_PARTS)` and adds to it. */
  const asking = (names: string): string => `
      const iterate = Map.prototype[Symbol.iterator]
      let parts
      Map.prototype[Symbol.iterator] = function () { parts ??= this; return iterate.call(this) }
      try { require('no such') } catch {}
      Map.prototype[Symbol.iterator] = iterate
      const out = []
      for (const name of ${names}) {
        parts.set(name, { globals: [], modules: [['evil', undefined]] })
        try { require('evil'); out.push('came: ' + String(name).slice(0, 20)) } catch (error) { out.push(error.message.slice(0, 40)) }
        parts.delete(name)
      }
      return out`

  test.each<[name: string, names: string]>([
    ['an unknown name', "['evil']"],
    ['a name of every object', "['__proto__']"],
    ['a huge name', "['x'.repeat(1e7)]"],
    ['a name of lines', "['url\\n', 'url\\nboot.ts\\nthrow 1']"],
  ])('%s gets nothing, and harms no other', async (_name, names) => {
    const sibling = play(
      sandbox,
      callOf(toolOf(`await new Promise((r) => setTimeout(r, 1)); return 'unharmed'`)),
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 300))
        return ok()
      },
    )
    const played = await play(sandbox, callOf(toolOf(asking(names)), { limits: { wallMs: 3000 } }))
    expect(String(valueOf(played))).not.toContain('came: ')
    expect(valueOf(await sibling)).toBe('unharmed')
  })

  test('names that are no texts are refused where they are', async () => {
    const body = asking('[7, undefined, null, {}, Symbol.iterator, () => 0]')
    const value = valueOf(await play(sandbox, callOf(toolOf(body)))) as readonly string[]
    expect(value).toHaveLength(6)
    for (const said of value) expect(said).not.toContain('came')
  })

  test('one that is asked for again and again comes', async () => {
    const body = asking("Array(200).fill('url')").replace('parts.delete(name)', '')
    const { end } = await play(sandbox, callOf(toolOf(body)))
    expect(end.kind).toBe('ok')
    expect(valueOf(await play(sandbox, callOf(toolOf('return 1'))))).toBe(1)
  })
})

describe('negative controls', () => {
  test('the walk finds a handle of the host and another realm’s object where there is one', async () => {
    const ivm = loadIsolatedVm(installation.sandboxFiles().addon)
    const isolate = new ivm.Isolate({ memoryLimit: 64 })
    const context = await isolate.createContext()
    const other = await isolate.createContext()
    await context.global.set('handle', new ivm.Reference({ secret: '/home/someone' }))
    await context.global.set(
      'foreign',
      await other.eval('({ f() {} })', { reference: true }).then((r) => r.derefInto()),
    )
    const found: string = await context.eval(`${walker}; walk([globalThis]).found.join('\\n')`)
    expect(found).toContain('root0.handle: a Reference')
    expect(found).toContain('root0.foreign: another realm')
    isolate.dispose()
  })

  test('the walk finds the paths and the host where code runs without an isolate', async () => {
    const { runInThisContext } = await import('node:vm')
    const { found } = runInThisContext(`${walker}; walk([process.argv, process.execPath])`) as {
      found: readonly string[]
    }
    expect(found.join('\n')).toMatch(/a path: /)
  })
})
