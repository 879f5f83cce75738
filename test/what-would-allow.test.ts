import { describe, expect, test } from 'vitest'
import type { CheckedTool } from '../runtime/effective-rights.ts'
import { questionOf } from '../runtime/definition/question.ts'
import { whatWouldAllow } from '../runtime/what-would-allow.ts'
import { checkedOf, firstTool } from './support/checked-tool.ts'

const own = (rules: string, ownFiles: readonly string[] = []): CheckedTool =>
  firstTool(checkedOf(`tools:\n  t: { from: ./t.ts, ${rules} }`, { ownFiles }))

function ask(tool: CheckedTool, verb: string, subject: string): ReturnType<typeof whatWouldAllow> {
  const asked = questionOf(verb, subject)
  if (!asked.ok) throw new Error(asked.message)
  return whatWouldAllow(tool, asked.question, '/srv/a.yaml')
}

describe('whatWouldAllow()', () => {
  test.each([
    ['a rule', 'read: ["src/*"]', 'read', 'lib/a.ts', ['in t (a.yaml:4:29), make it read: ["src/*", "lib/a.ts"]']],
    ['a right', 'read: ["src/*"]', 'delete', 'x', ['to t (a.yaml:4:3), add delete: ["x"]']],
    ['a literal name', 'read: ["src/*"]', 'read', 'a*', ['in t (a.yaml:4:29), make it read: ["src/*", "a\\\\*"]']],
    [
      'a name that is spelled',
      'write: ["**"]',
      'write',
      'Makefile',
      ['in t (a.yaml:4:30), make it write: ["**", "Makefile"], spelled in full'],
    ],
    [
      'a literal own file',
      'write: ["**"]',
      'write',
      'a.yaml',
      ['in t (a.yaml:4:30), make it write: ["**", "a.yaml"], spelled in full'],
    ],
    ['one deny less', 'read: ["**"], deny: ["v/**"]', 'read', 'v/x', ['in t, take "v/**" out of deny (a.yaml:4:43)']],
    ['history', 'read: ["**"]', 'read', '.git/HEAD', ['to t (a.yaml:4:3), add git: read, which is the whole history']],
    [
      'the operator',
      'read: ["**"]',
      'read',
      '.env',
      [
        'run with --allow-protected .env, or in the operator\'s configuration: protected: [{ agent: { from: "/srv/a.yaml" }, path: ".env" }]',
      ],
    ],
    [
      'all that it takes',
      'read: ["src/*"], deny: ["conf/**"]',
      'read',
      'conf/.env',
      [
        'run with --allow-protected conf/.env, or in the operator\'s configuration: protected: [{ agent: { from: "/srv/a.yaml" }, path: "conf/.env" }]',
        'in t, take "conf/**" out of deny (a.yaml:4:46)',
        'in t (a.yaml:4:29), make it read: ["src/*", "conf/.env"]',
      ],
    ],
    [
      'a URL',
      'http: ["GET https://a.example/x"]',
      'POST',
      'https://a.example/x?y=1',
      ['to t (a.yaml:4:3), write http: ["GET https://a.example/x", "POST https://a.example/x?y=1"]'],
    ],
  ])('proposes %s', (_what, rules, verb, subject, steps) => {
    const way = ask(own(rules, ['a.yaml']), verb, subject)
    // In the order in which `decide` asks, which is its own matter.
    expect({ ...way, steps: way.steps.toSorted() }).toEqual({ possible: true, steps: steps.toSorted() })
  })

  test.each([
    ['a path out of the workspace', own('read: ["**"]'), 'read', '../x', 'it leads out of the workspace'],
    [
      'a right that a tool never needs',
      firstTool(checkedOf('tools:\n  read_file: { read: ["**"] }')),
      'write',
      'x',
      'never needs to write',
    ],
    [
      'a URL for a tool that asks for none',
      firstTool(checkedOf('tools:\n  read_file: { read: ["**"] }')),
      'GET',
      'https://a.example/',
      'never needs a URL',
    ],
    ['a URL that is no rule', own('read: ["x"]'), 'GET', 'http://a.example/', 'no rule of the grammar'],
    ...['', '?x=1'].map((query): [string, CheckedTool, string, string, string] => [
      `a POST that an operation decides ${query}`,
      own('http: ["GET https://a.example/x", "POST https://a.example/graphql {query: user|project}"]'),
      'POST',
      `https://a.example/graphql${query}`,
      'the answer depends on the operation: t (a.yaml:4:56) may POST there, without a query in the URL, for {query: user|project} alone',
    ]),
    ['a URL that is none', own('read: ["x"]'), 'GET', 'https://a:b@a.example/', 'nothing can'],
  ])('says why nothing permits %s', (_what, tool, verb, subject, why) => {
    const way = ask(tool, verb, subject)
    expect(way).toEqual({ possible: false, steps: [expect.stringContaining(why) as string] })
  })

  test("says that nothing permits run-agent's own files", () => {
    const tool = own('read: ["**"]')
    const grant = { ...tool.grant, deny: [{ pattern: 'state', place: 'run-agent' }] }
    expect(ask({ ...tool, grant }, 'read', 'state/audit.db')).toMatchObject({
      possible: false,
      steps: [expect.stringContaining("run-agent's own configuration") as string],
    })
  })

  test('quotes a path for the shell', () => {
    expect(ask(own('read: ["**"]'), 'read', "it's/.env").steps[0]).toContain("--allow-protected 'it'\\''s/.env',")
  })
})
