/** Modules that compute, each against Node itself: the same code in both. */
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

describe('node:path', () => {
  compare('path', 'path', [
    "path.join('a', '..', 'b', './c/')",
    "path.normalize('/a//b/../c/.')",
    "['/a/b.c', 'a', '.b', 'x.tar.gz', ''].map((p) => [path.basename(p), path.dirname(p), path.extname(p), path.parse(p)])",
    "path.basename('/x/y.html', '.html')",
    "path.relative('/a/b/c', '/a/d')",
    "path.resolve('/a', 'b', '../c')",
    "path.isAbsolute('/a') && !path.isAbsolute('a')",
    "path.format({ dir: '/a', name: 'b', ext: '.c' })",
    '[path.sep, path.delimiter, path.posix.sep, require("path/posix").join === path.posix.join]',
    'path.join(1)',
  ])
})

describe('node:buffer', () => {
  compare('buffer', 'b', [
    "b.Buffer.from('héllo').toString('hex')",
    "['hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le', 'utf8', 'binary'].map((e) => b.Buffer.from([255, 254, 1, 104, 200]).toString(e))",
    "['hex', 'base64', 'base64url', 'latin1', 'utf16le', 'ucs2'].map((e) => [...b.Buffer.from('68656c6c6f_-', e)])",
    "['', 'YQ', 'YQ==', 'YWI=', 'YW Ij', '-_-_'].map((t) => b.Buffer.from(t, 'base64url').toString('base64'))",
    "['utf8', 'hex', 'base64', 'base64url', 'latin1'].map((e) => b.Buffer.byteLength('aGVsbG8h', e))",
    "['base64url', 'BASE64', 'utf-8', 'x', '', undefined].map((e) => b.Buffer.isEncoding(e))",
    "b.Buffer.concat([b.Buffer.from('a'), new Uint8Array([98])]).toString()",
    '(() => { const x = b.Buffer.alloc(24); x.writeUInt32BE(7, 0); x.writeDoubleLE(1.5, 4); x.writeBigInt64LE(-3n, 12); return [x.toJSON(), x.readInt32BE(0), String(x.readBigInt64LE(12))] })()',
    "b.Buffer.from('abcabc').indexOf('ca')",
    "b.Buffer.from('abc').equals(b.Buffer.from('abc'))",
    "b.Buffer.compare(b.Buffer.from('a'), b.Buffer.from('b'))",
    "b.Buffer.from('abc').subarray(1).toString()",
    "b.Buffer.alloc(5, 'ab').toString()",
    "b.Buffer.from('abc').fill('YQ', 'base64').toString()",
    "b.Buffer.alloc(8).write('__-_', 0, 'base64url')",
    '[[0x80], [0xc3, 0xa9], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3]].map((x) => b.isUtf8(b.Buffer.from(x)))',
    "[b.isAscii(b.Buffer.from('a')), b.isAscii(b.Buffer.from('é'))]",
    "b.transcode(b.Buffer.from('€é'), 'utf8', 'latin1').toString('hex')",
    "b.Buffer.from(b.Buffer.from([0xff, 0xc3, 0x28]).toString()).toString('hex')",
    "[b.Buffer.from('é').length, b.Buffer.isBuffer(b.Buffer.alloc(1)), b.Buffer.isBuffer(new Uint8Array(1))]",
    'b.Buffer.from({ length: 2, 0: 1, 1: 257 }).toJSON()',
    'b.Buffer.from(5)',
    'b.Buffer.alloc(-1)',
    'b.Buffer.alloc(1).readUInt16LE(0)',
    "[b.atob('YQ=='), b.btoa('a')]",
    'b.Buffer.copyBytesFrom(new Uint16Array([1, 258]), 1).toJSON()',
    "require('buffer').Buffer === globalThis.Buffer",
  ])
})

describe('node:events', () => {
  compare('events', 'E', [
    "(() => { const e = new E(); const s = []; e.on('a', (x) => s.push(x)); e.once('a', (x) => s.push(-x)); e.prependListener('a', () => s.push(0)); e.emit('a', 1); e.emit('a', 2); return [s, e.listenerCount('a'), e.eventNames()] })()",
    'E.EventEmitter === E && E.default === undefined',
    "(() => { const e = new E(); try { e.emit('error', new RangeError('r')) } catch (x) { return x.name } })()",
    "(() => { const e = new E(); try { e.emit('error', 'text') } catch (x) { return [x.code, x.message, x.context] } })()",
    "(() => { const e = new E(); const s = []; e.on(E.errorMonitor, () => s.push('m')); e.on('error', () => s.push('e')); e.emit('error', new Error('x')); return s })()",
    "(() => { const e = new E(); const s = []; e.on(E.errorMonitor, () => s.push('m')); try { e.emit('error', new Error('x')) } catch { s.push('t') } return s })()",
    "await (async () => { const e = new E(); queueMicrotask(() => e.emit('x', 1, 2)); return await E.once(e, 'x') })()",
    "await (async () => { const e = new E(); queueMicrotask(() => e.emit('error', new TypeError('t'))); return await E.once(e, 'x') })()",
    "await (async () => { const e = new E(); queueMicrotask(() => { e.emit('x', 1); e.emit('x', 2); e.emit('end') }); const s = []; for await (const [v] of E.on(e, 'x', { close: ['end'] })) s.push(v); return s })()",
    "await (async () => { const e = new E(); queueMicrotask(() => { e.emit('x', 1); e.emit('error', new RangeError('r')) }); for await (const v of E.on(e, 'x')) {} })()",
    "(() => { const e = new E(); const f = () => {}; e.on('a', f); e.once('a', f); return [E.getEventListeners(e, 'a').length, e.rawListeners('a').length, E.listenerCount(e, 'a')] })()",
    '(() => { const e = new E(); E.setMaxListeners(3, e); return [e.getMaxListeners(), E.getMaxListeners(e), E.defaultMaxListeners] })()',
    "(() => { function F() { E.call(this) } require('util').inherits(F, E); const f = new F(); let n = 0; f.on('x', () => n++); f.emit('x'); return [n, f instanceof E] })()",
    "(() => { class F extends E {} const f = new F(); let n = 0; const g = () => n++; f.on('x', g).off('x', g); f.emit('x'); return n })()",
    "new E().on('x', 1)",
  ])
})

describe('node:url', () => {
  compare('url', 'url', [
    "url.fileURLToPath('file:///a/b%20c')",
    "url.fileURLToPath('http://x/')",
    "url.pathToFileURL('/a b/#?%').href",
    "url.parse('http://u:p@h.example:8080/p/a?q=1#f')",
    "url.parse('/a?b=c&d=e', true).query",
    "url.format({ protocol: 'https', host: 'x.example', pathname: '/a', query: { b: 1 } })",
    "['/one', '../two', '?x', '//h/y', 'http://z/'].map((to) => url.resolve('http://a.example/b/c', to))",
    "[url.domainToASCII('español.com'), url.domainToUnicode('xn--espaol-zwa.com')]",
    "new url.URL('a?b=c', 'https://x.example').searchParams.get('b')",
    "url.urlToHttpOptions(new URL('https://a:b@x.example/p?q')).path",
  ])
})

describe('node:querystring', () => {
  compare('querystring', 'qs', [
    "qs.parse('a=1&b=2&a=3&c=%20x+y&d')",
    "qs.stringify({ a: [1, 2], b: 'x y', c: '', d: true, e: null })",
    "qs.escape('ä &=')",
    "qs.unescape('%E4%20')",
    "qs.parse('a:1;b:2', ';', ':')",
  ])
})

describe('node:string_decoder', () => {
  compare('string_decoder', 'd', [
    "(() => { const s = new d.StringDecoder('utf8'); return [s.write(Buffer.from([0xe2, 0x82])), s.write(Buffer.from([0xac])), s.end(Buffer.from([0xe2]))] })()",
    "(() => { const s = new d.StringDecoder('base64'); return [s.write(Buffer.from('ab')), s.end()] })()",
    "(() => { const s = new d.StringDecoder('utf16le'); return [s.write(Buffer.from([0x61, 0, 0x3d])), s.end(Buffer.from([0xd8]))] })()",
  ])
})

describe('node:punycode', () => {
  test('encodes and decodes', async () => {
    const body =
      "const p = require('punycode'); return [p.toASCII('mañana.com'), p.decode('maana-pta'), p.ucs2.decode('a𝌆')]"
    expect(await inSandbox(sandbox, body)).toEqual(['xn--maana-pta.com', 'mañana', [97, 119_558]])
  })
})
