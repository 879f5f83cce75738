/** The lists, held against what stands outside of the code: a name that falls off one would be granted in silence. */
import { expect, test } from 'vitest'
import { EXECUTED_BY_OTHERS, EXECUTED_FILES, ORDINARY_SOURCES } from '../../runtime/policy/executed-by-others.ts'
import { executedByOthers, PROTECTED, protectedBy } from '../../runtime/policy/protected-paths.ts'

test('protected is what the contract names, and nothing else', () => {
  const names =
    '.env .env.* .envrc *.pem *.key *.p12 *.pfx *.jks id_rsa* id_dsa* id_ecdsa* id_ed25519* .npmrc .pypirc .netrc'
  const folders = '.git-credentials .ssh .aws .kube .docker/config.json .config/gh .vault-token *.tfstate'
  expect(PROTECTED.map(({ pattern }) => pattern)).toEqual(`${names} ${folders}`.split(' '))
  expect(PROTECTED.flatMap(({ except }) => except ?? [])).toEqual(['.env.example', '.env.sample', '.env.template'])
})

test('what looks like an exception of the protected names is none', () => {
  for (const path of ['.env.example', 'a/.ENV.sample', '.env.template/b']) expect(protectedBy(path)).toBeUndefined()
  for (const path of ['.env.examples', '.env.example.local', 'x/.env.', '.env.example/.env', '.env/.env.example']) {
    expect(protectedBy(path), path).toBeDefined()
  }
})

test('what others execute is what the contract names, and more', () => {
  const named =
    '.github/x .gitlab-ci.yml .husky/x .vscode/x package.json package-lock.json yarn.lock pnpm-lock.yaml Makefile ' +
    '.gitattributes .gitmodules AGENTS.md CLAUDE.md .claude/x .mcp.json .pre-commit-config.yaml'
  for (const path of named.split(' ')) expect(executedByOthers(path), path).toHaveLength(1)
})

test('no name falls off the lists in silence: whoever changes one says so here', () => {
  const lists = [EXECUTED_BY_OTHERS, EXECUTED_FILES, ORDINARY_SOURCES]
  expect(lists.map((list) => list.length)).toEqual([481, 129, 409])
  // What is left where a part of a pattern falls off.
  expect(lists.flat().filter((pattern) => /^$|^\.config\.|\.$|^\/?[*.]+$|--/.test(pattern))).toEqual([])
})

test.for(['js', 'cjs', 'mjs', 'ts', 'cts', 'mts'])(
  'any *.config.%s is executed at the root of each package',
  (ending) => {
    for (const root of ['', 'apps/a/', 'packages/a/', 'libs/a/']) {
      const path = `${root}anything.config.${ending}`
      expect(executedByOthers(path), path).toHaveLength(1)
    }
    expect(executedByOthers(`src/anything.config.${ending}`)).toEqual([])
  },
)
