import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { canonicalUrl } from '../../runtime/policy/http-url.ts'
import {
  isWithin,
  mediaType,
  NO_AUTHORITY,
  permits,
  ruleCompiler,
  type Action,
  type Authority,
} from '../../runtime/credentials/chain/authority.ts'
import {
  actionOf,
  BASE,
  CHANGES,
  firstDifference,
  oraclePermits,
  urlOf,
  type Judged,
} from '../support/authority-oracle.ts'

describe('the order between two authorities', () => {
  test('and what each permits is what the oracle says, along each dimension', () => {
    expect(firstDifference({ isWithin, permits, ruleCompiler })).toBeUndefined()
  })

  test('holds for any two: what a child permits, its parent does', () => {
    const changes = fc.array(fc.constantFrom(...Object.values(CHANGES).flat()), { maxLength: 3 })
    const probe = fc.record({
      action: fc
        .record({
          method: fc.constantFrom('GET', 'POST', 'DELETE'),
          path: fc.constantFrom('/', '/repos/acme/shop/issues', '/repos/acme/web/issues', '/repos/acme/shop'),
          query: fc.constantFrom('', '?page=1', '?state=open', '?state=all'),
          size: fc.constantFrom(0, 1, 10, 11),
          contentType: fc.constantFrom('application/json', 'text/plain'),
          responseBytesMax: fc.constantFrom(0, 1, 100, 101),
          scopes: fc.subarray(['repo', 'user', 'admin']),
          repositories: fc.subarray(['shop', 'web']),
        })
        .map(({ path, query, size, ...rest }) =>
          actionOf({ ...rest, url: urlOf(`https://api.example.com${path}${query}`), body: new Uint8Array(size) }),
        ),
      now: fc.constantFrom(99, 100, 200, 299, 300),
      uses: fc.constantFrom(0, 1, 4, 5),
    })
    let held = 0
    fc.assert(
      fc.property(changes, changes, fc.array(probe, { minLength: 20, maxLength: 20 }), (some, others, probes) => {
        const child: Authority = Object.assign({ ...BASE }, ...some)
        const parent: Authority = Object.assign({ ...child }, ...others)
        if (!isWithin({ ...child, childDepth: 1 }, parent).ok) return
        held += 1
        for (const one of probes) if (oraclePermits(child, one)) expect(oraclePermits(parent, one)).toBe(true)
      }),
      { numRuns: 3000, seed: 1 },
    )
    // Else the property says nothing.
    expect(held).toBeGreaterThan(50)
  })

  test('is transitive', () => {
    const all = Object.values(CHANGES).flatMap((changes) =>
      changes.map((change): Authority => ({ ...BASE, ...change })),
    )
    const depth = (authority: Authority, childDepth: number): Authority => ({ ...authority, childDepth })
    const compile = ruleCompiler()
    const within = all.map((child) => all.map((parent) => isWithin(child, depth(parent, 3), compile).ok))
    const broken = all.flatMap((_, a) =>
      all.flatMap((_, b) =>
        all.flatMap((_, c) => (within[a]?.[b] && within[b]?.[c] && !within[a]?.[c] ? [[a, b, c]] : [])),
      ),
    )
    expect(broken).toEqual([])
  })

  test('is no order of texts: two rules that only together cover a third do not', () => {
    const parent = { ...BASE, rules: ['GET https://a.example/x', 'POST https://a.example/x'] }
    expect(isWithin({ ...BASE, rules: ['GET,POST https://a.example/x'], childDepth: 1 }, parent)).toMatchObject({
      ok: false,
    })
    expect(isWithin({ ...BASE, rules: ['POST https://a.example/x'], childDepth: 1 }, parent)).toEqual({ ok: true })
  })

  test('knows GraphQL parts', () => {
    const of = (rule: string): Authority => ({ ...BASE, rules: [rule], requestBytesMax: 1000 })
    const wide = of('POST https://api.example.com/graphql {query: issues|project}')
    const narrow = { ...of('POST https://api.example.com/graphql {query: issues}'), childDepth: 1 }
    expect(isWithin(narrow, wide)).toEqual({ ok: true })
    expect(isWithin({ ...wide, childDepth: 1 }, { ...narrow, childDepth: 2 })).toMatchObject({ dimension: 'rules' })
    const ask = (query: string): Action =>
      actionOf({
        url: urlOf('https://api.example.com/graphql'),
        body: Buffer.from(JSON.stringify({ query })),
        contentType: 'application/json',
      })
    expect(permits(narrow, ask('{ issues { id } }'), 200)).toMatchObject({ ok: true })
    expect(permits(narrow, ask('{ project { id } }'), 200)).toMatchObject({ ok: false, dimension: 'rules' })
    expect(permits(wide, { ...ask('{ issues { id } }'), body: Buffer.from([0xff]) }, 200)).toMatchObject({ ok: false })
  })
})

describe('what is not said', () => {
  const action = actionOf({
    body: Buffer.from('{}'),
    contentType: 'application/json',
    responseBytesMax: 1,
    scopes: ['repo'],
    permissions: { issues: 'read' },
    repositories: ['shop'],
  })

  test.each(Object.keys(NO_AUTHORITY).filter((key) => key !== 'childDepth' && key !== 'notBeforeMs'))(
    'is not allowed: %s',
    (dimension) => {
      // Negative control: with all that is said, it is allowed.
      expect(permits(BASE, action, 200)).toEqual({ ok: true, rule: BASE.rules[0] })
      const silent = { ...BASE, [dimension]: NO_AUTHORITY[dimension as keyof Authority] }
      expect(permits(silent, action, 200).ok).toBe(false)
      const { [dimension as 'scopes']: _, ...missing } = BASE
      const allows = (): boolean => permits(missing as unknown as Authority, action, 200).ok
      try {
        expect(allows()).toBe(false)
      } catch (error) {
        // Of a list that is not there, nothing can be asked.
        expect(error).toBeInstanceOf(TypeError)
      }
    },
  )

  test('nothing allows nothing, and is within everything above it', () => {
    expect(permits(NO_AUTHORITY, actionOf({}), 0).ok).toBe(false)
    expect(isWithin(NO_AUTHORITY, { ...BASE, notBeforeMs: 0 })).toEqual({ ok: true })
  })

  test.each([NaN, -Infinity, undefined, null, 'x', {}])('a bound that is no number is none: %s', (bound) => {
    const odd = bound as unknown as number
    for (const key of ['expiresAtMs', 'usesMax', 'requestBytesMax', 'responseBytesMax', 'notBeforeMs'] as const) {
      // Of a time to begin at, -Infinity and null are the smallest.
      if (key === 'notBeforeMs' && (bound === -Infinity || bound === null)) continue
      expect(permits({ ...BASE, [key]: odd }, action, 200).ok).toBe(false)
    }
    for (const key of ['expiresAtMs', 'usesMax', 'requestBytesMax'] as const) {
      expect(isWithin({ ...BASE, childDepth: 1 }, { ...BASE, [key]: odd }).ok).toBe(false)
    }
    expect(permits(BASE, action, NaN).ok).toBe(false)
  })

  test('a level that nobody knows is asked for in vain, and grants nothing', () => {
    const odd = { issues: 'owner' } as unknown as Authority['permissions']
    expect(permits(BASE, { ...action, permissions: odd }, 200)).toMatchObject({ dimension: 'permissions' })
    expect(permits({ ...BASE, permissions: odd }, action, 200)).toMatchObject({ dimension: 'permissions' })
  })

  test('a rule that cannot be read covers nothing and is not granted on', () => {
    const odd = { ...BASE, rules: ['GET https://*', 'get https://api.example.com/'] }
    expect(permits(odd, action, 200)).toMatchObject({ dimension: 'rules' })
    expect(isWithin({ ...odd, childDepth: 1 }, odd)).toMatchObject({ dimension: 'rules' })
  })
})

test.each([
  ['application/json', 'application/json'],
  ['Application/JSON;charset="utf-8"', 'application/json'],
  ['application/json; charset=utf-16', undefined],
  ['application/json; charset=utf-8; charset=utf-7', undefined],
  ['application/json, text/plain', undefined],
  ['multipart/form-data; boundary=----x', 'multipart/form-data'],
  ['text/plain; boundary=x', undefined],
  ['application/json ', undefined],
  ['json', undefined],
  ['', undefined],
  [undefined, undefined],
])('the media type of %j is %j', (contentType, expected) => {
  expect(mediaType(contentType)).toBe(expected)
})

test.each([
  ['https://API.Example.COM/repos/acme/shop/issues', true],
  ['https://api.example.com:443/repos/acme/shop/issues', true],
  ['https://api.example.com/repos/acme/../acme/shop/issues', false],
  ['https://api.example.com./repos/acme/shop/issues', false],
  ['https://api.example.com@evil.net/repos/acme/shop/issues', false],
  ['https://evil.net/repos/acme/shop/issues?https://api.example.com/', false],
])('a host is one host, however it is written: %s', (text, expected) => {
  const read = canonicalUrl(text)
  expect(read.ok && permits(BASE, actionOf({ url: read.url }), 200).ok).toBe(expected)
})

test('says which rule came nearest, and why', () => {
  const authority = {
    ...BASE,
    rules: ['GET https://other.example/x', 'GET https://api.example.com/repos/acme/shop/issues'],
  }
  expect(permits(authority, actionOf({}), 200)).toEqual({
    ok: false,
    dimension: 'rules',
    why: 'GET is granted there, POST is not',
  })
})

describe('bugs planted in the order are found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-mutants-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const runtime = join(import.meta.dirname, '../../runtime')
  const source = readFileSync(join(runtime, 'credentials/chain/authority.ts'), 'utf8').replaceAll(
    "from '../../",
    `from '${runtime}/`,
  )

  async function mutant(from: string, to: string, index: number): Promise<Judged> {
    const patched = source.replace(from, () => to)
    if (patched === source) throw new Error(`nothing to change: ${from}`)
    const path = join(folder, `mutant-${index}.ts`)
    writeFileSync(path, patched)
    return (await import(/* @vite-ignore */ path)) as Judged
  }

  test('negative control: the same source, loaded in the same way, has none', async () => {
    expect(firstDifference(await mutant('/** Remembers', '/** remembers', -1))).toBeUndefined()
  })

  test.each(
    [
      ['coversRule(wide.pattern, narrow.pattern)', 'coversRule(narrow.pattern, wide.pattern)'],
      ['if (!isCovered) return', 'if (!isCovered && parents.length > 0) return'],
      ['parents.some((parent)', 'parents.concat(rule).some((parent)'],
      ['!parent.includes(item)', 'parent.length > 0 && !parent.includes(item)'],
      ['!parent.includes(item)', '!parent.some((one) => one.startsWith(item))'],
      ['!parent.includes(item)', '!parent.some((one) => one.toLowerCase() === item.toLowerCase())'],
      ['child.find((item) =>', 'child.slice(0, 1).find((item) =>'],
      ['if (child <= parent) return', 'if (child <= parent + 1) return'],
      ['if (child <= parent) return', 'if (child < parent) return'],
      ['if (child <= parent) return', 'if (parent === 0 || child <= parent) return'],
      ['child.notBeforeMs >= parent.notBeforeMs', 'child.notBeforeMs <= parent.notBeforeMs'],
      ['child.notBeforeMs >= parent.notBeforeMs', 'child.notBeforeMs >= parent.notBeforeMs - 1'],
      ["boundBeyond('expiresAtMs', numberOf(child.expiresAtMs), numberOf(parent.expiresAtMs))", 'undefined'],
      ["boundBeyond('usesMax', numberOf(child.usesMax), numberOf(parent.usesMax))", 'undefined'],
      ["boundBeyond('requestBytesMax', child.requestBytesMax, parent.requestBytesMax)", 'undefined'],
      ["boundBeyond('responseBytesMax', child.responseBytesMax, parent.responseBytesMax)", 'undefined'],
      ["setBeyond('contentTypes', child.contentTypes, parent.contentTypes)", 'undefined'],
      ["setBeyond('scopes', child.scopes, parent.scopes)", 'undefined'],
      ["setBeyond('repositories', child.repositories, parent.repositories)", 'undefined'],
      ['permissionsBeyond(child.permissions, parent.permissions)', 'undefined'],
      ["boundBeyond('childDepth', child.childDepth, parent.childDepth - 1)", 'undefined'],
      ['parent.childDepth - 1', 'parent.childDepth'],
      ['Math.max(rankOf(granted), 0)', 'Math.max(rankOf(granted), 1)'],
      [
        'Object.hasOwn(parent, name) ? parent[name] : undefined',
        "Object.hasOwn(parent, name) ? parent[name] : 'admin'",
      ],
      ['now < numberOf', 'now <= numberOf'],
      ['now >= notBeforeMs', 'now > notBeforeMs'],
      ['numberOf(authority.usesMax) >= 1', 'numberOf(authority.usesMax) >= 0'],
      ['body === undefined || body.length === 0', 'body === undefined || body.length <= 1'],
      ['body === undefined || body.length === 0', 'body === undefined || contentType === undefined'],
      ["setBeyond('contentTypes', [type], authority.contentTypes)", 'undefined'],
      ["boundBeyond('requestBytesMax', body.length, authority.requestBytesMax)", 'undefined'],
      ["boundBeyond('responseBytesMax', action.responseBytesMax, authority.responseBytesMax)", 'undefined'],
      ["setBeyond('scopes', action.scopes, authority.scopes)", 'undefined'],
      ["setBeyond('repositories', action.repositories, authority.repositories)", 'undefined'],
      ['permissionsBeyond(action.permissions, authority.permissions)', 'undefined'],
      ['if (found === undefined)', "if (found === undefined || found.stage === 'query')"],
      ['const found = mismatch(', 'const found = pattern.methods.has(action.method) ? undefined : mismatch('],
      ["=== 'never' || bound === 'unlimited'", "=== 'never'"],
      ['if (!narrow.ok) return', 'if (!narrow.ok && narrow.mistake.message) continue; if (!narrow.ok) return'],
    ].map(([from = '', to = ''], index) => ({ from, to, index })),
  )('$from → $to', async ({ from, to, index }) => {
    const found = firstDifference(await mutant(from, to, index))
    expect(found).toBeDefined()
  })
})
