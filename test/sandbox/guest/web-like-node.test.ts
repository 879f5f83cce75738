/** The same code in a guest and in Node 26, whose own Web platform is another implementation of the standards. */
import { afterAll, describe, expect, test } from 'vitest'
import { inNode } from '../../support/in-node.ts'
import { callOf, openSandbox, play, toolOf, valueOf } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

/** Each expression's value, or the name of what it throws. */
const each = (expressions: readonly string[]): string =>
  `const results = []
  for (const act of [${expressions.map((expression) => `async () => (${expression})`).join(', ')}]) {
    results.push(await act().then((value) => value === undefined ? 'undefined' : value, (error) => 'throws ' + error.name))
  }
  return results`

async function same(body: string): Promise<void> {
  const guest = valueOf(await play(sandbox, callOf(toolOf(body))))
  expect(guest).toEqual(await inNode(body))
}

/** With the expression in sight where one differs. */
async function sameEach(expressions: readonly string[]): Promise<void> {
  const body = each(expressions)
  const guest = valueOf(await play(sandbox, callOf(toolOf(body)))) as unknown[]
  const node = (await inNode(body)) as unknown[]
  const pairs = (results: readonly unknown[]): unknown[] => expressions.map((text, at) => [text, results[at]])
  expect(pairs(guest)).toEqual(pairs(node))
}

test('URLs and domain names', async () => {
  const urls = [
    'https://EXAMPLE.com:443/a/../b?q=ä#f',
    'http://user:p%40ss@h/',
    'https://faß.de/',
    'https://xn--a/',
    'https://Bücher.example/ü',
    'https://日本語。jp/',
    'https://a\u200db.example/',
    'http://0x7f.1/',
    'http://[::ffff:1.2.3.4]/',
    'http://1.2.3.4.5/',
    'file:///C|/x',
    'data:text/plain,a b ',
    'http://a b/',
    'https://Ⴚ.σ/x',
    'https://h/?a=%zz&b=+',
    '//x',
    'blob:https://h/1',
  ]
  await sameEach(urls.map((url) => `new URL(${JSON.stringify(url)}).href`))
  await same(`const params = new URLSearchParams('a=1&b=%20+&a=2&=x&é')
    params.append('z', '&='); params.sort(); return [params.toString(), params.getAll('a'), params.size]`)
})

test('Headers', async () => {
  await sameEach([
    `[...new Headers({ B: ' 1 ', a: '2' })]`,
    `[...new Headers([['set-cookie', 'a'], ['Set-Cookie', 'b'], ['a', '1'], ['A', '2']])]`,
    `new Headers([['a']])`,
    `new Headers([['a', 'b', 'c']])`,
    `new Headers(null)`,
    `new Headers(1)`,
    `new Headers('a')`,
    `[...new Headers(undefined)]`,
    `[...new Headers(new Headers({ a: 'b' }))]`,
    `[...new Headers(new Map([['a', 'b']]))]`,
    `new Headers({ 'a b': '1' })`,
    `new Headers({ '': '1' })`,
    `new Headers({ a: '1\\n2' })`,
    `[...new Headers({ a: '\\t1\\n' })]`,
    `new Headers({ a: '\\u0000' })`,
    `new Headers({ a: 'ā' })`,
    `[...new Headers({ a: 'ÿ', b: null, c: undefined, d: 1 })]`,
    `new Headers({ [Symbol.iterator]: undefined, a: 'b' }).get('a')`,
    `new Headers({ [Symbol('a')]: 'b' })`,
    `new Headers().get('ā')`,
    `new Headers().get()`,
    `new Headers().append('a')`,
    `new Headers({ a: 'b' }).has('A')`,
    `(() => { const h = new Headers({ a: '1', b: '2' }); const seen = []; for (const [k] of h) { seen.push(k); h.delete('b') } return seen })()`,
    `(() => { const h = new Headers({ a: '1' }); h.set('A', '2'); h.append('a', '3'); return [...h.entries(), ...h.keys(), ...h.values()] })()`,
    `Object.prototype.toString.call(new Headers().entries())`,
    `Object.keys(Headers.prototype).toSorted()`,
    `Headers.prototype[Symbol.iterator] === Headers.prototype.entries`,
    `Headers.prototype.get.call({}, 'a')`,
    `(() => { const seen = []; new Headers({ b: '1', a: '2' }).forEach((value, name) => seen.push(name + value)); return seen })()`,
  ])
})

test('Request and Response', async () => {
  await sameEach([
    `new Request('/a')`,
    `new Request('https://u:p@h/')`,
    `new Request('https://h/', { method: 'get' }).method`,
    `new Request('https://h/', { method: 'patch' }).method`,
    `new Request('https://h/', { method: 'CONNECT' })`,
    `new Request('https://h/', { body: 'a' })`,
    `new Request('https://h/', { method: 'POST', body: new Blob(['a'], { type: 'x/y' }) }).headers.get('content-type')`,
    `new Request(new Request('https://h/#a', { method: 'PUT', headers: { a: 'b' } })).url`,
    `[...new Request(new Request('https://h/', { headers: { a: 'b' } }), { headers: { c: 'd' } }).headers]`,
    `(async () => { const r = new Request('https://h/', { method: 'POST', body: 'a' }); const s = new Request(r); return [r.bodyUsed, await s.text()] })()`,
    `(async () => { const r = new Request('https://h/', { method: 'POST', body: 'a' }); await r.text(); return r.clone() })()`,
    `new Response(null, { status: 199 })`,
    `new Response('a', { status: 204 })`,
    `new Response(null, { statusText: '\\n' })`,
    `[Response.error().type, Response.error().status]`,
    `[Response.redirect('https://h/a', 303).headers.get('location'), Response.redirect('https://h/a').status]`,
    `Response.redirect('https://h/a', 200)`,
    `Response.redirect('nothing')`,
    `(async () => { const r = Response.json({ a: 1 }, { status: 201 }); return [r.status, r.headers.get('content-type'), await r.json()] })()`,
    `Response.json(undefined)`,
    `new Response('{').json()`,
    `new Response('\\uFEFFa').text()`,
    `(async () => { const r = new Response('ab'); const c = r.clone(); return [await r.text(), await c.text(), r.bodyUsed] })()`,
    `(async () => { const r = new Response('ab'); await r.body.getReader().read(); return [r.bodyUsed, await r.text().catch((e) => e.name)] })()`,
    `(async () => { const r = new Response('ab'); r.body.getReader(); return r.text() })()`,
    `new Response().body`,
    `(async () => (await new Response('a=1&b=%C3%A4', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData()).get('b'))()`,
    `new Response('a', { headers: { 'content-type': 'text/plain' } }).formData()`,
    `(async () => (await new Response('a', { headers: { 'content-type': 'Text/Plain; Charset="x"' } }).blob()).type)()`,
    `new Response(new Blob(['a'])).headers.has('content-type')`,
    `(async () => [...await new Response(new Uint8Array([1, 2])).bytes()])()`,
  ])
})

test('a form goes through text and back', async () => {
  await same(`const form = new FormData()
    form.append('text', 'a\\nb'); form.append('quote"d', 'x'); form.append('f', new Blob(['\\r\\n--x'], { type: 'a/b' }), 'ü "n".bin')
    const back = await new Response(form).formData()
    const file = back.get('f')
    return [[...back.keys()], back.get('text'), file.name, file.type, await file.text(), file instanceof File]`)
})

test('encodings', async () => {
  const labels = [
    'utf8',
    ' UTF-16 ',
    'latin1',
    'ibm866',
    'koi8-r',
    'gbk',
    'big5',
    'euc-jp',
    'windows-874',
    'nope',
    'utf-7',
  ]
  await sameEach(labels.map((label) => `new TextDecoder(${JSON.stringify(label)}).encoding`))
  const texts = [
    `new TextDecoder('gb18030').decode(new Uint8Array([0xc4, 0xe3, 0x81, 0x30, 0x81, 0x30]))`,
    `new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0, 0xff]))`,
    `new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xed, 0xa0, 0x80]))`,
    `new TextDecoder().decode(new Uint8Array([0xf0, 0x9f, 0x98, 0x41, 0xe2, 0x82]))`,
    `new TextDecoder('utf-16le').decode(new Uint8Array([0x3d, 0xd8, 0x00, 0xde, 0x00]))`,
    `(() => { const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])) })()`,
    `[...new TextEncoder().encode('\\ud800a😀')]`,
    `new TextEncoder().encodeInto('a😀b', new Uint8Array(4))`,
    `atob(' YQ= =')`,
    `atob('YQ')`,
    `atob('Y')`,
    `btoa('ÿ')`,
    `btoa('Ā')`,
  ]
  await sameEach(texts)
})

test('structuredClone', async () => {
  await sameEach([
    `structuredClone(new Map([[1, new Set([new Date(5)])]])).get(1).size`,
    `structuredClone(() => 1)`,
    `structuredClone({ a: Symbol('x') })`,
    `structuredClone(new WeakMap())`,
    `structuredClone(Promise.resolve())`,
    `structuredClone(Object.assign(new RangeError('m', { cause: 1 }), { own: 2 })).cause`,
    `structuredClone(/a/gi).flags`,
    `structuredClone([1, , 3]).length`,
    `structuredClone(Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } }))`,
    `(() => { const b = new ArrayBuffer(4); structuredClone(b, { transfer: [b] }); return [b.byteLength, b.detached] })()`,
    `(() => { const b = new ArrayBuffer(4); return structuredClone(b, { transfer: [b, b] }) })()`,
    `structuredClone()`,
  ])
})

describe('crypto.subtle', () => {
  test('digests, HMAC and AES-GCM agree', async () => {
    await same(`const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
      const data = new TextEncoder().encode('the data'), raw = new Uint8Array(32).fill(7), results = []
      for (const hash of ['SHA-1', 'sha-256', 'SHA-384', { name: 'SHA-512' }]) results.push(hex(await crypto.subtle.digest(hash, data)))
      for (const hash of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) {
        const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash }, true, ['sign', 'verify'])
        const mark = await crypto.subtle.sign('HMAC', key, data)
        results.push(hex(mark), await crypto.subtle.verify('HMAC', key, mark, data), await crypto.subtle.verify('HMAC', key, mark.slice(1), data), await crypto.subtle.exportKey('jwk', key), key.algorithm, key.usages, key.type)
      }
      for (const bytes of [16, 24, 32]) {
        const key = await crypto.subtle.importKey('raw', raw.subarray(0, bytes), 'AES-GCM', true, ['encrypt', 'decrypt'])
        const how = { name: 'AES-GCM', iv: new Uint8Array(12).fill(1), additionalData: new Uint8Array([9]) }
        const sealed = await crypto.subtle.encrypt(how, key, data)
        results.push(hex(sealed), hex(await crypto.subtle.decrypt(how, key, sealed)), (await crypto.subtle.exportKey('jwk', key)).alg)
        results.push(await crypto.subtle.decrypt({ ...how, additionalData: new Uint8Array() }, key, sealed).catch((error) => error.name))
      }
      return results`)
  })

  test('what is wrong has the same name', async () => {
    await sameEach([
      `crypto.subtle.digest('MD5', new Uint8Array())`,
      `crypto.subtle.digest('SHA-256', 'text')`,
      `crypto.subtle.importKey('raw', new Uint8Array(5), 'AES-GCM', true, ['encrypt'])`,
      `crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['sign'])`,
      `crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, [])`,
      `crypto.subtle.generateKey({ name: 'AES-GCM', length: 100 }, true, ['encrypt'])`,
      `crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']).then((key) => crypto.subtle.exportKey('raw', key))`,
      `crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']).then((key) => crypto.subtle.verify('HMAC', key, new Uint8Array(), new Uint8Array()))`,
      `crypto.getRandomValues(new Float32Array(1))`,
      `crypto.getRandomValues(new Uint8Array(65537))`,
    ])
  })

  test('what the sandbox lacks says so', async () => {
    const body = each([
      `crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])`,
      `crypto.subtle.importKey('pkcs8', new Uint8Array(), 'RSA-PSS', true, ['sign'])`,
      `crypto.subtle.deriveBits('PBKDF2', null, 8)`,
      `crypto.subtle.wrapKey()`,
    ])
    expect(valueOf(await play(sandbox, callOf(toolOf(body))))).toEqual(Array(4).fill('throws NotSupportedError'))
  })
})

test('compression', async () => {
  await same(`const text = 'hello '.repeat(500), results = []
    for (const format of ['gzip', 'deflate', 'deflate-raw']) {
      const packed = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).bytes()
      results.push(packed.length < 100, await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream(format))).text() === text)
      for (const damaged of [packed.subarray(0, -3), new Uint8Array([1, 2, 3, 4, 5])]) {
        results.push(await new Response(new Blob([damaged]).stream().pipeThrough(new DecompressionStream(format))).text().catch((error) => error.name))
      }
    }
    return results`)
})

test('URLPattern', async () => {
  await sameEach([
    `new URLPattern({ pathname: '/a/:b' }).exec('https://h/a/7').pathname.groups.b`,
    `new URLPattern('https://*.example/x').test('https://a.example/x')`,
    `new URLPattern({ pathname: '/(' })`,
  ])
})
