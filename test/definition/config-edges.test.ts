/** Values of a configuration next to those that it takes. */
import { describe, expect, it } from 'vitest'
import { parseConfig, type OperatorConfig } from '../../runtime/definition/config.ts'
import { problemsOf } from '../support/problems.ts'

const parse = (text: string): OperatorConfig => parseConfig({ file: 'config.yaml', text })
const count = (text: string): number => problemsOf(() => parse(text)).length

const baseUrl = (url: string): string => `providers: { a: { baseURL: ${JSON.stringify(url)} } }`
const prices = (text: string): string => `providers: { a: { prices: ${text} } }`
const credential = (source: string, inject?: string): string =>
  `credentials: { a: { source: ${source}${inject === undefined ? '' : `, inject: ${inject}`} } }`

describe('taken', () => {
  it.each([
    'https://a.example/v1',
    'http://127.0.0.1:8080/v1',
    'http://127.9.9.9',
    'http://[::1]:80/',
    'https://[::2]/',
  ])('the base URL %s', (url) => {
    expect(parse(baseUrl(url)).providers.get('a')?.baseUrl).toBe(url)
  })

  it('prices of each model', () => {
    const { providers } = parse(prices('{ m/1: { input: 0, output: 2.5 }, n: { output: 3, input: 1 } }'))
    expect([...providers.get('a')!.prices]).toEqual([
      ['m/1', { input: 0, output: 2.5 }],
      ['n', { input: 1, output: 3 }],
    ])
  })

  it.each(['A', '_a', 'aB_9'])('the variable %s', (name) => {
    expect(parse(credential(`{ env: ${name} }`)).credentials.get('a')).toMatchObject({
      source: { kind: 'env', name },
      inject: undefined,
    })
  })

  it("every character of a header's name, and a format around the secret", () => {
    const header = "AZaz09!#$%&'*+.^_`|~-"
    const text = credential('{ file: ./a }', `{ header: ${JSON.stringify(header)}, format: "x {secret} y" }`)
    expect(parse(text).credentials.get('a')).toMatchObject({
      source: { kind: 'file' },
      inject: { kind: 'header', header: header.toLowerCase(), format: 'x {secret} y' },
    })
  })

  it('names with digits and marks, and the api that is written', () => {
    const { providers } = parse('providers: { a-b_1: { api: chat }, b: {} }')
    expect([...providers].map(([name, { api }]) => [name, api])).toEqual([
      ['a-b_1', 'chat'],
      ['b', 'responses'],
    ])
    expect([...parse('settings: { a: b, c: "1" }').settings]).toEqual([
      ['a', 'b'],
      ['c', '1'],
    ])
  })
})

it('the least ceiling and a protected path are taken', () => {
  const { ceiling, protected: granted } = parse(
    'ceiling: { turns: 1, usd: 1 }\nprotected: [{ agent: { from: /a.yaml }, path: ./a/.env }]',
  )
  const lock = `sha256-${'0a'.repeat(32)}`
  expect(parse(`protected: [{ agent: { lock: ${lock} }, path: .env }]`).protected[0]?.agent).toEqual({ lock })
  for (const wrong of [`x${lock}`, `${lock}0`, lock.slice(0, -1), lock.toUpperCase(), `sha256-${'0g'.repeat(32)}`])
    expect(count(`protected: [{ agent: { lock: ${wrong} }, path: .env }]`), wrong).toBe(1)
  expect(ceiling).toEqual({ turns: 1, usd: 1 })
  expect(granted).toEqual([{ agent: { from: '/a.yaml' }, path: 'a/.env' }])
})

it('what is required, and where the trail lies, are what they say', () => {
  const config = parse('require: { walls: [bubblewrap] }\naudit: { file: ./a.db }')
  expect(config.require).toEqual({ walls: ['bubblewrap'] })
  expect(config.audit.file).toBe('./a.db')
})

describe('refused', () => {
  it.each([
    'http://127.0.0.1.example/',
    'http://a127.0.0.1/',
    'http://128.0.0.1/',
    'http://localhost/',
    'http://a.example/',
    'ftp://127.0.0.1/',
    'ws://127.0.0.1/',
    'file:///etc/passwd',
    'https://u@a.example/',
    'https://:p@a.example/',
    'https://u:p@a.example/',
    'https://a.example/?q',
    'https://a.example/#f',
    'http://u@127.0.0.1/',
    'a.example',
  ])('the base URL %s', (url) => {
    expect(count(baseUrl(url))).toBe(1)
  })

  it.each([
    '{}',
    '',
    '{ m: {} }',
    '{ m: { input: 1 } }',
    '{ m: { output: 1 } }',
    '{ m: { input: -1, output: 1 } }',
    '{ m: { input: 1, output: -0.5 } }',
    '{ m: { input: x, output: 1 } }',
    '{ m: { input: 1, output: 1e9 } }',
    '{ m: 1 }',
    '{ m: { input: 1, output: 1, more: 1 } }',
  ])('the prices %s', (text) => {
    expect(count(prices(text))).toBe(1)
  })

  it.each(['A', 'aB', '1a', '_a', '-a', 'a b', 'a.b', 'é'])('the name %s', (name) => {
    expect(count(`providers: { ${JSON.stringify(name)}: {} }`)).toBe(1)
    expect(count(`credentials: { ${JSON.stringify(name)}: { source: { env: A } } }`)).toBe(1)
  })

  it.each([
    '{ env: 1A }',
    '{ env: "A=B" }',
    '{ env: "A " }',
    '{ env: "-A" }',
    '{ env: A, file: b }',
    '{ env: A, exec: [b] }',
    '{ exec: [b] }',
    '{}',
    '{ x-a: 1 }',
    '{ env: "" }',
    '{ file: "" }',
    'A',
  ])('the source %s', (source) => {
    expect(count(credential(source))).toBeGreaterThan(0)
  })

  it.each([
    '{}',
    '{ header: A }',
    '{ format: "{secret}" }',
    '{ header: "A B", format: "{secret}" }',
    '{ header: "A:", format: "{secret}" }',
    '{ header: ":A", format: "{secret}" }',
    '{ header: "é", format: "{secret}" }',
    '{ header: "", format: "{secret}" }',
    '{ header: A, format: "x" }',
    '{ header: A, format: "{secret}{secret}" }',
    '{ header: A, format: "{Secret}" }',
    '{ basic: "a:b" }',
    '{ query: "a b" }',
    '{ basic: a, query: b }',
    '{ header: Host, format: "{secret}" }',
    '{ header: X-Forwarded-For, format: "{secret}" }',
    '{ x-a: 1 }',
    'A',
  ])('the injection %s', (inject) => {
    expect(count(credential('{ env: A }', inject))).toBeGreaterThan(0)
  })

  it.each([
    'providers: { a: { api: Chat } }',
    'providers: { a: { api: 1 } }',
    'providers: { a: { credential: b } }\ncredentials: { c: { source: { env: A } } }',
    'providers: { a: { credential: b } }',
    'providers: []',
    'credentials: { a: {} }',
    'settings: {}',
    'settings: { a: "" }',
    'settings: { a: [b] }',
    'audit: {}',
    'audit: { file: "" }',
    'audit: { file: [a] }',
    'require: {}',
    'require: { walls: bubblewrap }',
    'require: { walls: [none] }',
    'ceiling: {}',
    'ceiling: { turns: 0 }',
    'ceiling: { usd: 0 }',
    'protected: []',
    'protected: [{}]',
    'protected: [{ agent: { from: /a.yaml } }]',
    'protected: [{ path: .env }]',
    'protected: [{ agent: {}, path: .env }]',
    'protected: [{ agent: { from: /a.yaml, lock: sha256-x }, path: .env }]',
    'protected: [{ agent: /a.yaml, path: .env }]',
    'protected: [{ agent: { from: /a.yaml }, path: ../.env }]',
    'protected: [{ agent: { from: /a.yaml }, path: /.env }]',
    'protected: [{ agent: { from: /a.yaml }, path: src }]',
    'protected: [{ agent: { from: /a.yaml }, path: "" }]',
    'x',
    '[]',
  ])('%s', (text) => {
    expect(count(text)).toBeGreaterThan(0)
  })
})
