// @ts-check
// Run it with `node --test`; any Node from 20 on will do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testTool } from 'run-agent/test'

const tool = new URL('./count_words.ts', import.meta.url)
const rules = { read: ['*.md'], deny: ['secret.md'] }
const files = { 'a.md': 'one two\nthree\n', 'secret.md': 'four' }

test('counts words, in the sandbox as in plain Node', async () => {
  const args = { path: 'a.md' }
  const sandboxed = await testTool(tool, { args, rules, files })
  const plain = await testTool(tool, { args, files, in: 'node' })
  assert.equal(sandboxed.output, 3)
  assert.equal(plain.output, 3)
  assert.deepEqual(sandboxed.requests, [{ op: 'fs.read', path: 'a.md', decision: 'permit', rule: 'read *.md' }])
})

test('is denied what a rule denies', async () => {
  const { error } = await testTool(tool, { args: { path: 'secret.md' }, rules, files })
  assert.equal(error?.name, 'Denied')
  assert.match(error?.message ?? '', /deny secret\.md/)
})
