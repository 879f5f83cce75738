/** Modules that run: streams, digests, comparisons, printing. Each against Node itself: the same code in both. */
import { afterAll, describe, expect, test } from 'vitest'
import { inNode, inSandbox, requiring } from '../../support/differential.ts'
import { openSandbox } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

function compare(module: string, name: string, bodies: readonly string[]): void {
  test.each(bodies)(`${name}: %s`, async (body) => {
    const whole = requiring(module, name, body)
    expect(await inSandbox(sandbox, whole)).toEqual(await inNode(whole))
  })
}

describe('node:util', () => {
  compare('util', 'u', [
    "u.inspect({ a: 1, b: [1, 'x', null, undefined], c: new Map([['k', { d: 1n }]]), e: new Set([1]), f() {}, g: Symbol('s') })",
    "u.inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }) + u.inspect('it\\'s') + u.inspect([, 1]) + u.inspect(-0)",
    "u.inspect(new (class Foo { x = 1; [u.inspect.custom]() { return 'custom' } })())",
    "u.inspect(Buffer.from('abc')) + u.inspect(new Uint8Array(3)) + u.inspect(new Date(0)) + u.inspect(/x/g)",
    '(() => { const a = {}; a.a = a; return u.inspect(a) })()',
    'u.inspect({ a: 1 }, { colors: true, compact: false })',
    "u.format('%s %d %i %f %j %o %O %% %c x', 'a', 1.5, '42px', '1.5', { a: 1 }, [1], { b: 2 }, 'css', 'rest')",
    "u.formatWithOptions({ compact: true }, '%O', { a: { b: 1 } })",
    "u.stripVTControlCharacters('\\u001B[31mred\\u001B[0m')",
    "u.styleText('red', 'x', { validateStream: false }) + u.styleText(['bold', 'green'], 'y', { validateStream: false })",
    "[[1, 1], [0, -0], [NaN, NaN], [[1, [2]], [1, [2]]], [{ a: 1 }, { a: 1, b: undefined }], [new Date(1), new Date(1)], [new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1]])], [new Set([[1]]), new Set([[1]])], [/a/g, /a/i], [Object(1), Object(1)], [[1], { 0: 1, length: 1 }], [new Uint8Array([1]), new Uint8Array([1])], [Object.create(null), {}], [new Error('a'), new Error('b')], ['1', 1]].map(([a, b]) => u.isDeepStrictEqual(a, b))",
    '(() => { const a = { x: [] }; a.x.push(a); const b = { x: [] }; b.x.push(b); return u.isDeepStrictEqual(a, b) })()',
    'await u.promisify((a, cb) => cb(null, a + 1))(1)',
    "await u.promisify((cb) => cb(new RangeError('r')))()",
    'await new Promise((r) => u.callbackify(async (x) => x * 2)(4, (e, v) => r([e, v])))',
    'await new Promise((r) => u.callbackify(async () => { throw null })((e) => r([e.code, e.reason])))',
    "(() => { function A() {} function B() {} B.prototype.hi = () => 'hi'; u.inherits(A, B); return [new A().hi(), A.super_ === B] })()",
    "u.deprecate((x) => x + 1, 'old')(1)",
    "[u.types.isDate(new Date()), u.types.isRegExp(/x/), u.types.isPromise(Promise.resolve()), u.types.isMap(new Map()), u.types.isSet(new Map()), u.types.isTypedArray(Buffer.alloc(1)), u.types.isUint8Array(new Int8Array()), u.types.isNativeError(new TypeError()), u.types.isAsyncFunction(async () => {}), u.types.isGeneratorFunction(function* () {}), u.types.isBoxedPrimitive(Object(1n)), u.types.isAnyArrayBuffer(new ArrayBuffer(1)), u.types.isArgumentsObject((function () { return arguments })()), u.types.isSymbolObject(Object(Symbol())), u.types.isDate({ [Symbol.toStringTag]: 'Date' })]",
    "[u.isArray([]), u.toUSVString('a\\uD800'), typeof u.debuglog('x'), u.types.isExternal({})]",
    'u.promisify(1)',
  ])
})

describe('node:assert', () => {
  const caught = (body: string): string =>
    `await (async () => { try { ${body}; return 'holds' } catch (e) { return [e.name, e.code, e.operator, e.generatedMessage] } })()`
  compare(
    'assert',
    'a',
    [
      'a(1)',
      'a(0)',
      "a.ok(false, 'm')",
      'a.equal(1, "1")',
      'a.equal(1, 2)',
      'a.notEqual(1, 1)',
      'a.strictEqual(1, "1")',
      'a.deepEqual([1, { a: "1" }], [1, { a: 1 }])',
      'a.deepStrictEqual([1, { a: "1" }], [1, { a: 1 }])',
      'a.deepStrictEqual({ a: new Set([1]) }, { a: new Set([1]) })',
      'a.notDeepStrictEqual({ a: 1 }, { a: 1 })',
      'a.strict.equal(1, "1")',
      'a.throws(() => { throw new TypeError("bad") }, TypeError)',
      'a.throws(() => { throw new TypeError("bad") }, RangeError)',
      'a.throws(() => { throw new TypeError("bad") }, /ba/)',
      'a.throws(() => { throw new TypeError("bad") }, /x/)',
      'a.throws(() => { throw new TypeError("bad") }, { name: "TypeError", message: "bad" })',
      'a.throws(() => { throw new TypeError("bad") }, { message: /worse/ })',
      'a.throws(() => {})',
      'a.doesNotThrow(() => { throw new Error("x") })',
      'await a.rejects(Promise.reject(new Error("x")), /x/)',
      'await a.rejects(Promise.resolve(1))',
      'await a.doesNotReject(async () => {})',
      'a.match("abc", /b/)',
      'a.match("abc", /d/)',
      'a.doesNotMatch("abc", /b/)',
      'a.ifError(null)',
      'a.ifError(new Error("x"))',
      'a.fail("m")',
      'a.fail()',
      'a.strictEqual(1, 2, new RangeError("own"))',
      'a.deepEqual(new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]]))',
      'a.deepStrictEqual(null, undefined)',
      'a.deepEqual(null, undefined)',
    ].map(caught),
  )
})

describe('node:stream', () => {
  compare('stream', 's', [
    "await s.promises.pipeline(s.Readable.from(['a', 'b']), async function* (x) { for await (const c of x) yield String(c).toUpperCase() }, async (x) => { let t = ''; for await (const c of x) t += c; return t })",
    "await require('stream/consumers').text(s.Readable.from([Buffer.from('é'), 'x']))",
    "await require('stream/consumers').json(s.Readable.from(['{\"a\"', ':1}']))",
    "await new Promise((r, j) => { const out = []; const t = new s.Transform({ transform(c, e, cb) { cb(null, String(c) + '!') } }); t.on('data', (c) => out.push(String(c))).on('end', () => r(out)).on('error', j); t.write('a'); t.end('b') })",
    "await new Promise((r) => { const w = new s.Writable({ write(c, e, cb) { cb(new RangeError('no')) } }); w.on('error', (e) => r([e.name, w.destroyed])); w.write('x') })",
    'await s.Readable.from([1, 2, 3, 4]).filter((x) => x % 2).map((x) => x * 10).toArray()',
    'await s.promises.finished(s.Readable.from([]).resume())',
    "(() => { const p = new s.PassThrough({ highWaterMark: 2 }); return [p.write('abc'), p.writableNeedDrain, p.readableFlowing] })()",
    'await (async () => { const r = new s.Readable({ objectMode: true, read() { this.push({ a: 1 }); this.push(null) } }); const o = []; for await (const c of r) o.push(c); return o })()',
    "await (async () => { const order = []; process.nextTick(() => order.push('tick')); const r = s.Readable.from(['x']); r.on('data', () => order.push('data')); await s.promises.finished(r); return order })()",
    "await s.promises.pipeline(s.Readable.from(['x']), new s.Writable({ write(c, e, cb) { cb(new TypeError('t')) } }))",
    "[typeof s, s.Stream === s, s.Readable.prototype instanceof require('events'), s.isReadable(s.Readable.from([]))]",
    "await (async () => { const d = s.Duplex.from(async function* (x) { for await (const c of x) yield c + c }); d.end('ab'); return (await d.toArray()).join('') })()",
  ])
})

describe('node:crypto', () => {
  const NAMES =
    'md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 sha3-512 ripemd160 blake2b512 blake2s256 RSA-SHA256 SHA1'
  compare('crypto', 'c', [
    ...NAMES.split(' ').map(
      (name) => `c.createHash('${name}').update('héllo').update(Buffer.alloc(200, 7)).digest('hex')`,
    ),
    ...['md5', 'sha1', 'sha256', 'sha512', 'sha3-384'].map(
      (name) => `c.createHmac('${name}', 'key'.repeat(60)).update('abc').digest('base64url')`,
    ),
    "c.createHash('shake128').update('a').digest('hex') + c.createHash('shake256', { outputLength: 50 }).update('a').digest('hex')",
    "(() => { const h = c.createHash('sha256').update('a'); const k = h.copy(); return [k.digest('hex'), h.update('b').digest('latin1')] })()",
    "(() => { const h = c.createHash('sha1'); h.digest(); try { h.update('x') } catch (e) { return e.code } })()",
    "c.createHash('nope')",
    "c.createHash('sha256').update(5)",
    "c.hash('sha1', 'x') + c.hash('sha256', Buffer.from('x'), 'base64')",
    "await (async () => { const { pipeline } = require('stream/promises'); const h = c.createHash('sha256'); await pipeline(require('stream').Readable.from(['a', 'b']), h); return [h.digest('hex'), h.read().toString('hex')] })()",
    "c.pbkdf2Sync('pw', 'salt', 1000, 40, 'sha512').toString('hex')",
    "await require('util').promisify(c.pbkdf2)('pw', 'salt', 10, 20, 'sha1').then((b) => b.toString('hex'))",
    "c.scryptSync('pw', 'salt', 32, { N: 1024 }).toString('hex')",
    "Buffer.from(c.hkdfSync('sha256', 'key', 'salt', 'info', 42)).toString('hex')",
    "[c.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), c.timingSafeEqual(Buffer.from('a'), Buffer.from('b'))]",
    "c.timingSafeEqual(Buffer.from('a'), Buffer.from('ab'))",
    '[c.randomBytes(5).length, typeof c.randomInt(10), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(c.randomUUID()), c.randomFillSync(new Uint8Array(3)).length]',
    'Array.from({ length: 50 }, () => c.randomInt(5, 7)).every((x) => x === 5 || x === 6)',
    'c.randomInt(3, 3)',
    'c.randomBytes(-1)',
    'await new Promise((r) => c.randomBytes(4, (e, b) => r([e, b.length])))',
  ])
})

describe('node:zlib', () => {
  const DATA = "Buffer.from('the quick brown fox '.repeat(400) + 'é')"
  compare('zlib', 'z', [
    ...['gzip/gunzip', 'deflate/inflate', 'deflateRaw/inflateRaw', 'gzip/unzip', 'deflate/unzip'].flatMap((pair) => {
      const [pack, open] = pair.split('/')
      return [
        `z.${open}Sync(z.${pack}Sync(${DATA}, { level: 9 })).equals(${DATA})`,
        `(await require('util').promisify(z.${open})(await require('util').promisify(z.${pack})(${DATA}))).equals(${DATA})`,
      ]
    }),
    `await (async () => { const out = []; await require('stream/promises').pipeline(require('stream').Readable.from([${DATA}, 'x']), z.createGzip(), z.createGunzip(), async (s) => { for await (const c of s) out.push(c) }); return Buffer.concat(out).length })()`,
    "z.crc32('hello') + z.crc32(' world', z.crc32('hello'))",
    "(() => { try { z.gunzipSync(Buffer.from('nonsense')) } catch (e) { return [e.code, e.errno] } })()",
    "(() => { try { z.inflateSync(z.deflateSync('abcabcabc').subarray(0, 8)) } catch (e) { return [e.code, e.errno] } })()",
    "(() => { try { z.gunzipSync(z.gzipSync('x'.repeat(1000)), { maxOutputLength: 100 }) } catch (e) { return [e.name, e.code] } })()",
    "z.inflateSync(z.deflateSync('dictionary words', { dictionary: Buffer.from('words') }), { dictionary: Buffer.from('words') }).toString()",
    'z.constants.Z_BEST_COMPRESSION',
  ])

  test('each opens what the other packed', async () => {
    const packed = await inSandbox(sandbox, `return require('zlib').gzipSync(${DATA}).toString('base64')`)
    const opened = `return require('zlib').gunzipSync(Buffer.from('${String(packed)}', 'base64')).toString()`
    expect(await inNode(opened)).toBe('the quick brown fox '.repeat(400) + 'é')
    const theirs = await inNode(`return require('zlib').deflateRawSync(${DATA}).toString('base64')`)
    const back = `return require('zlib').inflateRawSync(Buffer.from('${String(theirs)}', 'base64')).toString()`
    expect(await inSandbox(sandbox, back)).toBe('the quick brown fox '.repeat(400) + 'é')
  })
})

describe('node:timers', () => {
  compare('timers/promises', 't', [
    "await t.setTimeout(1, 'v')",
    "await t.setImmediate('i')",
    "await (async () => { const s = []; for await (const v of t.setInterval(1, 'x')) { s.push(v); if (s.length === 3) return s } })()",
    'await t.scheduler.wait(1)',
    "await require('util').promisify(setTimeout)(1, 'v')",
    "await new Promise((r) => { const id = setImmediate(() => r('ran')); clearImmediate(id); setTimeout(() => r('cleared'), 5) })",
    "await new Promise((r) => { const s = []; setImmediate(() => r(s)); Promise.resolve().then(() => s.push('promise')); process.nextTick((x) => s.push(x), 'tick'); s.push('now') }).then((s) => s.toSorted())",
  ])
})

describe('node:async_hooks and node:diagnostics_channel', () => {
  compare('diagnostics_channel', 'd', [
    "(() => { const c = d.channel('x'); const s = []; const f = (m, n) => s.push([m, n]); c.subscribe(f); c.publish(1); d.unsubscribe('x', f); c.publish(2); return [s, c.hasSubscribers, d.channel('x') === c] })()",
    "(() => { const s = []; const c = d.tracingChannel('y'); c.subscribe({ start: (m) => s.push(['start', m.a]), end: (m) => s.push(['end', m.result]), error: () => s.push('error') }); return [c.traceSync((x) => x + 1, { a: 1 }, null, 4), s] })()",
  ])
  compare('async_hooks', 'h', [
    "new h.AsyncResource('T').runInAsyncScope((x) => x + 1, null, 1)",
    'new h.AsyncLocalStorage().getStore()',
    'h.AsyncResource.bind((x) => x)(3)',
  ])

  test('a store that could not follow an await is refused', async () => {
    const body = "const h = require('async_hooks'); new h.AsyncLocalStorage().run(1, () => 2)"
    await expect(inSandbox(sandbox, `try { ${body} } catch (e) { return [e.code, e.message] }`)).resolves.toEqual([
      'ERR_SANDBOX',
      'AsyncLocalStorage.run is not available in the sandbox: it cannot follow an await; hand the value on as an argument',
    ])
  })
})
