import { afterEach, describe, expect, test } from 'vitest'
import type { Tool } from 'run-agent'
import reviewer from '../../agents/reviewer.script.ts'
import { refOf } from '../../agents/reviewer/task.ts'
import gitChanges from '../../tools/git_changes.ts'
import { makeRepository } from '../support/repository.ts'
import type { Edits, TestRepository } from '../support/repository.ts'
import { runTool } from '../support/run-tool.ts'

const made: TestRepository[] = []

afterEach(() => {
  for (const repository of made.splice(0)) repository.remove()
})

async function review(repository: TestRepository, task = ''): Promise<string> {
  const call = async <Result>(name: string, args: object = {}): Promise<Result> => {
    expect(name).toBe('git_changes')
    return runTool<Result>(gitChanges as unknown as Tool, args, repository.dir)
  }
  return String(await reviewer.play(task, call))
}

/** The review of one commit on top of an empty one. */
async function reviewOf(edits: Edits, before: Edits = { 'README.md': 'x\n' }): Promise<string> {
  const repository = makeRepository([before])
  made.push(repository)
  repository.commit(edits, 'subject')
  return review(repository)
}

/** The lines of a review that are findings, without the note about tests. */
const findings = (markdown: string): string[] =>
  markdown.split('\n').filter((line) => line.startsWith('- ') && !line.includes('without a change of any test'))

/** Made at run time, so that no scanner takes the test for a leak. */
const SECRETS: Readonly<Record<string, string>> = {
  'AWS access key': `AKIA${'Q3EGRX7YB2KLM5NP'}`,
  'GitHub token': `ghp_${'a8Fk2Lq9Zx7Wc5Vb3Nm1Qw4Er6Ty8Ui0Op2A'}`,
  'Slack token': `xoxb-${'2938471029-ksjdhfKJHksd83'}`,
  'Stripe live key': `sk_live_${'4eC39HqLyjWDarjtT1zdp7dc'}`,
  'OpenAI key': `sk-proj-${'Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f'}`,
  'Anthropic key': `sk-ant-${'api03-Ab3dEf6hIj9lMn2pQr5t'}`,
  'Google API key': `AIza${'SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q'}`,
  'JSON Web Token': `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiIxMjM0NTY3ODkwIn0'}.dozjgNryP4J3jVmNHl0w5N`,
}

describe('secrets', () => {
  test.each(Object.entries(SECRETS))('a %s is found and not repeated', async (kind, secret) => {
    const markdown = await reviewOf({ 'src/config.py': `# one\nKEY = "${secret}"\n` })
    expect(findings(markdown)).toEqual([
      `- \`src/config.py:2\` — ${kind} \`${secret.slice(0, 4)}…\`; revoke it, since history keeps it`,
    ])
    expect(markdown).toContain('## Blocking')
    expect(markdown).not.toContain(secret.slice(0, 10))
  })

  test('private keys and passwords are found', async () => {
    const markdown = await reviewOf({
      'deploy/server.txt': `-----BEGIN RSA ${'PRIVATE KEY'}-----\nMIIE\n`,
      'src/db.ts': `export const db = { user: 'app', password: '${'kX9#mQ2vL7pR'}' }\n`,
      'app.ini': `[db]\npassword = ${'tR7kLm92QxZp'}\n`,
      'src/url.ts': `export const url = 'postgres://app:${'tR7kLm92QxZp'}@db.internal/app'\n`,
    })
    expect(findings(markdown).map((line) => line.split(' — ')[0])).toEqual([
      '- `app.ini:2`',
      '- `deploy/server.txt:1`',
      '- `src/db.ts:1`',
      '- `src/url.ts:1`',
    ])
    expect(markdown).not.toContain('kX9#m')
    expect(markdown).not.toContain('tR7kL')
  })

  test.each([
    'const password = process.env.PASSWORD',
    "password: '${DB_PASSWORD}'",
    "password = 'changeme'",
    "token: 'your-token-here'",
    "apiKey = '<api key>'",
    "label: { password: 'Enter your password' }",
    "errors: { password: 'user.password.required' }",
    "const passwordField = 'passwordConfirmation'",
    "secretName: 'database-credentials'",
    "const key = 'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
    "url: 'postgres://postgres:postgres@localhost/dev'",
    "if (token === 'abc123def456') {}",
    "integrity: 'sha512-4eC39HqLyjWDarjtT1zdp7dcAb3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f'",
    'tokenizer: "cl100k_base"',
    "password_hash_algorithm = 'argon2id'",
    "password_hash: '$2b$10$abcdefghijklmnopqrstuv'",
    "tokenUrl: 'https://login.example.com/oauth/token?x=1'",
  ])('nothing is found in %s', async (line) => {
    expect(findings(await reviewOf({ 'notes.txt': `${line}\n` }))).toEqual([])
  })

  test('a key of the documentation is a note', async () => {
    const markdown = await reviewOf({ 'notes.txt': `AKIAIOSFODNN7${'EXAMPLE'}\n` })
    expect(markdown).toContain('## Note')
    expect(markdown).not.toContain('## Blocking')
  })
})

describe('code', () => {
  test('leftovers and dangers are found where they stand, and only there', async () => {
    const markdown = await reviewOf({
      'src/a.ts': [
        'import { exec, execFile, spawn as start } from "node:child_process"',
        'export function run(name: string): void {',
        '  debugger',
        '  console.log(name)',
        '  exec(`ls ${name}`)',
        '  exec("ls " + name)',
        '  start("ls", [name], { shell: true })',
        '  start(`ls ${name}`, { shell: true })',
        '  execFile("ls", [`${name}`])',
        '  exec("ls -l" + " -a")',
        '  eval(name)',
        '  new Function(name)',
        '  const text = "debugger; eval(x); console.log(1)" // debugger',
        '  void /x/.exec(`${text}`)',
        '}',
        '',
      ].join('\n'),
      'test/a.test.ts':
        "describe.only('x', () => {\n  it\n    .only('y', () => {})\n  test.only.each([1])('z', () => {})\n  console.log(1)\n})\n",
    })
    expect(findings(markdown).map((line) => line.replace(/^- `(.*?)` — (.*)$/, '$1 $2'))).toEqual([
      'src/a.ts:3 `debugger` statement left in',
      'src/a.ts:5 shell command built from parts in `exec`; pass the arguments as a list to `execFile`',
      'src/a.ts:6 shell command built from parts in `exec`; pass the arguments as a list to `execFile`',
      'src/a.ts:8 shell command built from parts in `spawn`; pass the arguments as a list to `execFile`',
      'src/a.ts:11 `eval` runs a string as code',
      'src/a.ts:12 `new Function` runs a string as code',
      'test/a.test.ts:1 `describe.only` keeps every other test from running',
      'test/a.test.ts:3 `it.only` keeps every other test from running',
      'test/a.test.ts:4 `test.only` keeps every other test from running',
      'src/a.ts:4 `console.log` left in',
    ])
  })

  test('what child_process gives is known by any name', async () => {
    const markdown = await reviewOf({
      'a.js': "const cp = require('child_process')\ncp.execSync('rm ' + process.argv[2])\n",
      'b.js': "const { exec: run } = require('node:child_process')\nrun(`rm ${process.argv[2]}`)\n",
      'c.js':
        "import * as cp from 'child_process'\nimport { promisify } from 'util'\nconst run = promisify(cp.exec)\nconst command = `rm ${process.argv[2]}`\nawait run(command)\n",
      'd.js': "require('child_process').exec('rm ' + process.argv[2], () => {})\n",
    })
    expect(findings(markdown).map((line) => line.split(' — ')[0])).toEqual([
      '- `a.js:2`',
      '- `b.js:2`',
      '- `c.js:5`',
      '- `d.js:1`',
    ])
  })

  test('what was there before is not found', async () => {
    const before = 'export const a = 1\nconsole.log(a)\ndebugger\n'
    expect(findings(await reviewOf({ 'a.ts': `${before}export const b = 2\n` }, { 'a.ts': before }))).toEqual([])
  })
})

describe('files that do not parse', () => {
  test.each([
    ['a.js', 'const x = {\n  a: 1\n  b: 2\n}\n', 3],
    ['a.ts', 'export const x: = 1\n', 1],
    ['a.tsx', 'export const x = <div>\n', 1],
    ['b.ts', 'const a = 1\nf(\n', 2],
    ['a.json', '{\n  "a": 1,\n}\n', 3],
    ['package.json', '{ "a": 1 // no\n}\n', 1],
    ['tsconfig.json', '{\n  // yes\n  "a": [1,\n}\n', 4],
    ['a.yaml', 'a: 1\nb: [1, 2\nc: 3\n', 3],
    ['b.yml', 'a: 1\n  b: 2\n', 1],
    ['c.yml', 'a: 1\nb: "x\n', 2],
  ])('%s is found', async (path, content, line) => {
    const [finding = ''] = findings(await reviewOf({ [path]: content }))
    expect(finding).toMatch(/does not parse/)
    expect(finding.startsWith(`- \`${path}:${line}\``)).toBe(true)
  })

  test('everything that does is not', async () => {
    const markdown = await reviewOf({
      'a.js': '// @flow\nimport type { A } from "a"\nexport const f = (x: number): A => <b>{x}</b>\n',
      'b.js': '#!/usr/bin/env node\nreturn 1\n',
      'c.ts': '@Injectable()\nexport class A { constructor(@Inject() private readonly b: B) {} }\n',
      'd.mts': 'export const f = <T,>(x: T) => x satisfies T\nawait using y = f(1)\n',
      'e.d.ts': 'declare function f(): void\nexport const a: 1\n',
      'f.tsx': 'export const f = <T,>(x: T) => <a {...x} />\n',
      'tsconfig.build.json': '{ /* yes */ "a": [1,], }\n',
      '.vscode/settings.json': '// yes\n{ "a": 1, }\n',
      'x.jsonc': '{ "a": 1, // yes\n }\n',
      'bom.json': '\uFEFF{}',
      'a.yaml': '--- \na: &x !custom 1\n--- \nb: { <<: { c: 1 } }\n',
      'helm/templates/a.yaml': '{{- if .Values.a }}\na: {{ .Values.a }}\n{{- end }}\n',
    })
    expect(findings(markdown)).toEqual([])
  })

  test('nor is a broken file that was only moved', async () => {
    const repository = makeRepository([{ 'a.json': '{ "a": }\n' }])
    made.push(repository)
    repository.commit({ 'a.json': null, 'b.json': '{ "a": }\n' })
    expect(findings(await review(repository))).toEqual([])
  })
})

describe('merge conflicts', () => {
  test('are found by each marker, once', async () => {
    const content = 'const a = 1\n<<<<<<< HEAD\nconst b = 2\n=======\nconst b = 3\n>>>>>>> other\n'
    expect(findings(await reviewOf({ 'a.js': content }))).toEqual([
      '- `a.js:2` — merge-conflict marker `<<<<<<<`',
      '- `a.js:4` — merge-conflict marker `=======`',
      '- `a.js:6` — merge-conflict marker `>>>>>>>`',
    ])
  })

  test('are not headings', async () => {
    expect(findings(await reviewOf({ 'a.rst': 'Heading\n=======\n\n>>> 1\n<<<<<<<<<<\n' }))).toEqual([])
  })
})

describe('the report', () => {
  test('names source without tests once, and says when nothing was found', async () => {
    const markdown = await reviewOf({ 'src/a.go': 'package a\n', 'src/b.go': 'package a\n' })
    expect(markdown).toContain('source changed without a change of any test: `src/a.go`, `src/b.go`')
    const tested = await reviewOf({ 'src/a.go': 'package a\n', 'src/a_test.go': 'package a\n' })
    expect(tested).toMatch(/^# Review of [0-9a-f]{10} `subject`\n\nNo findings\.\n\nLooked at 2 files, 2 added lines/)
    expect(tested).toContain('nothing was skipped')
  })

  test('says what was skipped and why', async () => {
    const markdown = await reviewOf({ 'a.png': Buffer.from([0]), 'b.txt': 'x'.repeat(2_000_000), 'README.md': null })
    expect(markdown).toContain('- `a.png` — not looked at: binary, 1 byte')
    expect(markdown).toContain('- `b.txt` — not looked at: too large, 2000000 bytes')
    expect(markdown).toContain('skipped: 1 binary, 1 too large.')
  })

  test('lets nothing from the repository into the Markdown', async () => {
    const repository = makeRepository([{ 'a.md': 'a\n' }])
    made.push(repository)
    const blob = repository.gitWithInput('<<<<<<< x\n', 'hash-object', '-w', '--stdin')
    const tree = Buffer.concat([Buffer.from('100644 a`b\n# Approved\u202e.md\0'), Buffer.from(blob, 'hex')])
    const oid = repository.gitWithInput(tree, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally')
    repository.git('update-ref', 'HEAD', repository.git('commit-tree', oid, '-p', 'HEAD', '-m', '`<b>``# Approved'))
    const markdown = await review(repository)
    expect(markdown).toContain('# Review of ')
    expect(markdown.split('\n').filter((line) => line.startsWith('#'))).toHaveLength(2)
    expect(markdown).toContain('``` `<b>``# Approved ```')
    expect(markdown).toContain('``a`b\\u{a}# Approved\\u{202e}.md:1`` — merge-conflict marker')
  })

  test('covers a change of many pages', async () => {
    const repository = makeRepository([{ 'a.txt': 'a\n' }])
    made.push(repository)
    const line = 'some text that fills a page\n'
    const edits = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`f${at}.txt`, line.repeat(2_000) + '<<<<<<< x\n']),
    )
    repository.commit(edits)
    const markdown = await review(repository)
    expect(findings(markdown)).toHaveLength(30)
    expect(markdown).toContain('Looked at 30 files, 60030 added lines')
  })

  test('is of the commit or range that the task names', async () => {
    const repository = makeRepository([{ 'a.txt': 'a\n' }, { 'b.txt': '<<<<<<< x\n' }, { 'c.txt': 'c\n' }])
    made.push(repository)
    const second = repository.git('rev-parse', 'HEAD~1')
    expect(findings(await review(repository))).toEqual([])
    expect(await review(repository, `please review ${second.slice(0, 8)}.`)).toContain(
      `# Review of ${second.slice(0, 10)}`,
    )
    expect(findings(await review(repository, 'HEAD~2..main'))).toHaveLength(1)
    await expect(review(repository, 'nope')).rejects.toThrow(/unknown revision/)
  })
})

test.each([
  ['', 'HEAD'],
  ['Review the last commit, please.', 'HEAD'],
  ['HEAD~3', 'HEAD~3'],
  ['feature/x', 'feature/x'],
  ['what is in main..feature/x?', 'main..feature/x'],
  ['look at commit 12ab34cd and say', '12ab34cd'],
  ['the change `v1.2...main`', 'v1.2...main'],
  ['Review HEAD^ now', 'HEAD^'],
  ['the decade of the facade', 'HEAD'],
])('the task %j is about %s', (task, ref) => {
  expect(refOf(task)).toBe(ref)
})
