import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../runtime/definition/config.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const parse = (text: string): ReturnType<typeof parseConfig> =>
  parseConfig({ file: '/etc/run-agent/config.yaml', text })
const LOCK = `sha256-${'0'.repeat(64)}`

describe('ceiling and protected', () => {
  test('are read, and a path starts at the configuration', () => {
    const text = `ceiling: { usd: 5, turns: 100 }
protected:
  - { agent: { from: ./ops.yaml }, path: .env }
  - { agent: { from: /srv/a.yaml }, path: ./x/.git/config }
  - { agent: { lock: ${LOCK} }, path: keys/a.pem }`
    expect(parse(text)).toMatchObject({
      ceiling: { usd: 5, turns: 100 },
      protected: [
        { agent: { from: '/etc/run-agent/ops.yaml' }, path: '.env' },
        { agent: { from: '/srv/a.yaml' }, path: 'x/.git/config' },
        { agent: { lock: LOCK }, path: 'keys/a.pem' },
      ],
    })
    expect(parse('ceiling: { turns: 3 }')).toMatchObject({ ceiling: { turns: 3, usd: undefined }, protected: [] })
  })

  test.each([
    ['ceiling: {}', '`ceiling` is empty'],
    ['ceiling: { turns: 0 }', '`turns` must be a whole number'],
    ['ceiling: { usd: free }', '`usd` must be a number'],
    ['ceiling: { time: 5m }', 'unknown key `time`'],
    ['protected: []', '`protected` is empty'],
    ['protected: [{ path: .env }]', 'must have `agent` and `path`'],
    ['protected: [{ agent: ops, path: .env }]', '`agent` must be a mapping'],
    ['protected: [{ agent: { name: ops }, path: .env }]', 'unknown key `name`'],
    [`protected: [{ agent: { from: ./a, lock: ${LOCK} }, path: .env }]`, 'exactly one of'],
    ['protected: [{ agent: { lock: sha256-1 }, path: .env }]', 'as `run-agent lock` prints it'],
    ['protected: [{ agent: { from: ./a }, path: src/a.ts }]', 'the path is not protected'],
    ['protected: [{ agent: { from: ./a }, path: ../.env }]', 'leads out'],
  ])('refuse %s', (text, message) => {
    expect(summaries(problemsOf(() => parse(text))).some((line) => line.includes(message))).toBe(true)
  })
})
