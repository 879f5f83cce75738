import { describe, expect, test } from 'vitest'
import { operationTrouble, type GraphqlRule } from '../../runtime/policy/graphql-operation.ts'

const reads: GraphqlRule = { type: 'query', fields: new Set(['issues', 'project']) }
const writes: GraphqlRule = { type: 'mutation', fields: new Set(['issueUpdate']) }

const JSON_TYPE = 'application/json'
const said = (query: string, rule = reads): string | undefined =>
  operationTrouble(rule, JSON.stringify({ query }), JSON_TYPE)
const saidOf = (body: string | undefined, type: string | undefined = JSON_TYPE): string | undefined =>
  operationTrouble(reads, body, type)

describe('an operation whose fields are listed', () => {
  test.for([
    '{ issues }',
    '{issues{id}}',
    'query { issues { id } project(id: "p}") { name } }',
    'query Q($id: ID! = "x", $n: [Int!]) { project(id: $id, where: {a: [1, -2.5e3], b: ENUM}) { name ...F } }',
    'query query { issues(text: "\\"}") { nodes { id, title: name, ... on Bug @include(if: $x) { __typename } } } }',
    '\n\t{ issues, project }\r\n',
    '{ issues(empty: "") { id } }',
    // A server without fragments of its own refuses a spread: it names no field of the top level.
    '{ issues { issueUpdate } }',
  ])('%j', (query) => {
    expect(said(query)).toBe(undefined)
  })

  test('of a mutation', () => {
    expect(said('mutation M { issueUpdate(id: "1") { ok } }', writes)).toBe(undefined)
    expect(said('{ issueUpdate }', writes)).toContain('must be one `mutation`')
  })

  test('with variables and a name', () => {
    const body = { query: 'query Q { issues }', variables: { a: { query: 1 }, b: ':"' }, operationName: 'Q' }
    expect(saidOf(JSON.stringify(body))).toBe(undefined)
    expect(saidOf(JSON.stringify(body, null, 2), 'application/json; charset=UTF-8')).toBe(undefined)
  })
})

describe('refused in the text of a query', () => {
  test.for([
    ['{ users }', '`users` is not granted'],
    ['{ issues users }', '`users`'],
    ['{ issues { id } users { id } }', '`users`'],
    ['{ issues(a: "{") users }', '`users`'],
    ['{ issues: users }', 'alias'],
    ['{ a: issues }', 'alias'],
    ['{ __schema { types { name } } }', '`__schema`'],
    ['{ __type(name: "A") { name } }', '`__type`'],
    ['{ issues __typename }', '`__typename`'],
    ['{ ...F }', 'fragments'],
    ['{ ... on Query { users } }', 'fragments'],
    ['{ ... @include(if: true) { users } }', 'fragments'],
    ['{ issues @include(if: true) { id } }', 'directives'],
    ['{ issues @skip(if: false) }', 'directives'],
    ['{ ...F } fragment F on Query { users }', 'without fragments'],
    ['{ issues } fragment F on Query { users }', 'one operation'],
    ['{ issues } { users }', 'one operation'],
    ['query A { issues } query B { users }', 'one operation'],
    ['query A { issues } mutation B { issueUpdate }', 'one operation'],
    ['query Q @live { issues }', 'directive on its operation'],
    ['mutation { issueUpdate }', 'must be one `query`'],
    ['subscription { issues }', 'must be one `query`'],
    ['fragment F on Query { users }', 'must be one `query`'],
    ['schema { query: Q }', 'must be one `query`'],
    ['', 'must be one `query`'],
    ['{ }', 'no field'],
    ['{ issues', 'one operation'],
    ['{ issues } }', 'one operation'],
    ['{ issues( } ) }', 'one operation'],
    ['{ issues( } }', 'one operation'],
    ['{ (a: 1) }', 'fields'],
    ['query Q( { issues }', 'directive on its operation'],
    ['{ issues } # }', 'not read here'],
    ['{ issues #\n users }', 'not read here'],
    ['{ issues #\u2028 users\n }', 'not read here'],
    ['{ issues(a: """ " """) users }', 'not read here'],
    ['{ issues(a: """") users(b: "")}', 'not read here'],
    ['{ issues(a: "\n") }', 'not read here'],
    ['{ issues(a: ") }', 'not read here'],
    ['{ issues(a: "\\") }', 'not read here'],
    ['\ufeff{ issues }', 'not read here'],
    ['{ issues\u00a0users }', 'not read here'],
    ['{ issues\0 }', 'not read here'],
    ['{ issués }', 'not read here'],
    ['{ $issues }', 'fields'],
    ['{ 1 }', 'fields'],
  ] as const)('%j: %s', ([query, why]) => {
    expect(said(query)).toContain(why)
  })
})

describe('refused in the body', () => {
  const good = '{"query":"{ issues }"}'
  test.for([
    [undefined, 'not JSON'],
    ['', 'not JSON'],
    ['query={issues}', 'not JSON'],
    ['[{"query":"{ issues }"}]', 'batch'],
    ['"{ issues }"', 'JSON object'],
    ['null', 'JSON object'],
    ['{}', 'text of its `query`'],
    ['{"query":1}', 'text of its `query`'],
    ['{"query":"{ users }","query":"{ issues }"}', 'twice'],
    ['{"query":"{ issues }","qu\\u0065ry":"{ users }"}', 'twice'],
    ['{"variables":{"a":"\\\\"},"query":"{ issues }","query":"{ issues }"}', 'twice'],
    ['{"query":"{ issues }","Query":"{ users }"}', 'alone'],
    ['{"query":"{ issues }","extensions":{"persistedQuery":{"version":1}}}', 'alone'],
    ['{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"a"}}}', 'alone'],
    ['{"id":"a"}', 'alone'],
    ['{"query":"{ issues }","__proto__":{"query":"{ users }"}}', 'alone'],
  ] as const)('%j: %s', ([body, why]) => {
    expect(saidOf(body)).toContain(why)
  })

  test.for([
    undefined,
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/graphql',
    'application/jsonx',
    'application/json; charset=utf-16',
    'application/json; boundary=a',
    'application/json, text/plain',
  ])('whose type is %j', (type) => {
    expect(saidOf(good)).toBe(undefined)
    expect(operationTrouble(reads, good, type)).toContain('application/json')
  })

  test('in linear time, whatever its length', () => {
    const started = performance.now()
    for (const part of ['{', '"', '\\"', '(', '#', 'issues ', '...', '1.', ' ', ',']) {
      said(part.repeat(300_000))
      said(`{ issues(a: "${part.repeat(300_000)}") }`)
      saidOf(`{"query":"{ issues }","variables":{"a":${JSON.stringify(part.repeat(300_000))}}}`)
    }
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
