/** Bodies that one reader takes for a listed operation and another for something else. */
import { expect, test } from 'vitest'
import { operationTrouble, type GraphqlRule } from '../../runtime/policy/graphql-operation.ts'

const reads: GraphqlRule = { type: 'query', fields: new Set(['issues']) }
const JSON_TYPE = 'application/json'
const GOOD = JSON.stringify({ query: '{ issues }' })
const saidOf = (query: string): string | undefined => operationTrouble(reads, JSON.stringify({ query }), JSON_TYPE)

test('a body of the right type is an operation', () => {
  for (const type of [
    JSON_TYPE,
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=utf-8',
  ])
    expect(operationTrouble(reads, GOOD, type), type).toBeUndefined()
})

test.for([
  'x/application/json',
  'text/plain; application/json',
  ' application/json',
  'application/json ',
  'application/jsonp',
  'application/json; charset=utf-7',
  'application/json; charset=utf-8; boundary=x',
  'application/json,text/plain',
  'application/graphql',
  'undefined',
  '',
])('%j is no type of a body that is granted', (type) => {
  expect(operationTrouble(reads, GOOD, type)).toBe('the body must be application/json')
})

const LISTED = '"query":"{ issues }"'
const OTHER = '"query":"{ users }"'

test.for([
  `{${OTHER},${LISTED}}`,
  `{${OTHER},"variables":{},${LISTED}}`,
  `{${OTHER},"variables":[],${LISTED}}`,
  `{${OTHER},"variables":[1],${LISTED}}`,
  `{${OTHER},"variables":[[],[1]],${LISTED}}`,
  `{${OTHER},"variables":{"a":{"b":[{}]}},${LISTED}}`,
  `{${OTHER},"variables":"}",${LISTED}}`,
  `{${OTHER},"variables":"\\"}",${LISTED}}`,
  `{${OTHER},"variables":"]\\\\",${LISTED}}`,
  `{${OTHER},"operationName":null,${LISTED}}`,
  `{"variables":{"a":1},${OTHER},"variables":{"a":1},${LISTED}}`,
  `{"qu\\u0065ry":"{ users }",${LISTED}}`,
])('%s has two queries, of which a server may take the first', (body) => {
  expect(operationTrouble(reads, body, JSON_TYPE)).toBe('the body has a key twice')
})

test.for([
  'query 1a { issues }',
  'query 1 { issues }',
  'query ... { issues }',
  'query a b { issues }',
  '{ issues(a: "\r") }',
  '{ issues(a: "\n") }',
  '{ issues(a: "x\rusers") }',
  '{ issues(a: """x""") }',
  '{ issues(a: "" """ ") }',
  '{ issues(a: ") { users } }',
  '{ issues(a: "\\") { users } }',
  'query ( ] {',
  'query ( {',
  'query ( { issues }',
  'query ($a: Int] { issues }',
  '{ issues(a: [)] }',
  '{ issues { ] }',
  '{ issues } }',
  '{ { issues }',
  '{ issues # users\n }',
  '{ issues 1users }',
  '{ }',
  '{',
  'query',
  '',
])('%j is no operation', (query) => {
  expect(saidOf(query)).toBeDefined()
})

test('whatever the size of a body, deciding about it takes no time in which the host is deaf', () => {
  const rules = Array.from({ length: 128 }, (_, index): GraphqlRule => ({
    type: 'query',
    fields: new Set([`f${index}`]),
  }))
  const started = performance.now()
  for (const query of ['{'.repeat(15_000_000), '{'.repeat(65_000), `{ issues(a: "${'x'.repeat(65_000)}") }`]) {
    const body = JSON.stringify({ query })
    for (const rule of rules) expect(operationTrouble(rule, body, JSON_TYPE)).toBeTypeOf('string')
  }
  const variables = { text: 'x:{"'.repeat(200_000) }
  const large = JSON.stringify({ query: '{ issues }', variables })
  for (const rule of rules) expect(operationTrouble(rule, large, JSON_TYPE)).toContain('is not granted')
  expect(performance.now() - started).toBeLessThan(3_000)
  expect(operationTrouble(reads, large, JSON_TYPE)).toBeUndefined()
})
