import { expect, test } from 'vitest'
import { EXECUTED_BY_OTHERS } from '../../runtime/policy/executed-by-others.ts'
import { executedByOthers, isGitInternal, PROTECTED, protectedBy } from '../../runtime/policy/protected-paths.ts'

test.for(PROTECTED)('$pattern is protected at any depth, in any case, with all below it', ({ pattern, except }) => {
  const name = pattern.replace('*', 'x')
  for (const path of [name, `a/b/${name}`, `${name}/below/it`, name.toUpperCase(), `a/${name.toUpperCase()}/b`]) {
    expect(protectedBy(path), path).toBe(pattern)
  }
  for (const path of except ?? []) expect(protectedBy(`a/${path}`), path).toBeUndefined()
})

test.for(EXECUTED_BY_OTHERS)('%s is executed by others at any depth, in any case, with all below it', (pattern) => {
  const name = pattern.replaceAll('*', 'x')
  for (const path of [name, `a/${name}`, name.toUpperCase(), `${name}/below`]) {
    expect(executedByOthers(path), path).toEqual([{ pattern: expect.any(String) as string, name: name.toLowerCase() }])
  }
})

test('nothing stands on the list twice', () => {
  expect(new Set(EXECUTED_BY_OTHERS).size).toBe(EXECUTED_BY_OTHERS.length)
})

test.for([
  'GNUmakefile',
  'makefile',
  'MAKEFILE',
  'Makefile.am',
  'src/rules.mk',
  'Jenkinsfile.nightly',
  '.circleci/config.yml',
  '.devcontainer/devcontainer.json',
  '.devcontainer.json',
  '.cargo/config',
  '.cargo/config.toml',
  '.yarnrc',
  '.yarnrc.yml',
  '.pnpmfile.cjs',
  'pnpm-workspace.yaml',
  'lefthook.yml',
  '.lefthook-local.yml',
  '.githooks/pre-commit',
  '.cursor/rules/a.mdc',
  '.cursorrules',
  'sub/.claude/settings.json',
  'AGENTS.override.md',
  'CLAUDE.local.md',
  'GEMINI.md',
  '.mcp.json',
  '.bashrc',
  '.bash_profile',
  '.profile',
  '.zshrc',
  '.zshenv',
  '.envrc',
  '.gitconfig',
  'conftest.py',
  'sitecustomize.py',
  'a/b/node_modules/c/index.js',
  '.pre-commit-config.yaml',
  '.gitlab-ci.yml',
  'azure-pipelines.yml',
  'bitbucket-pipelines.yml',
  '.travis.yml',
  '.drone.yml',
  '.buildkite/pipeline.yml',
  '.tool-versions',
  '.mise.toml',
  'justfile',
  'Taskfile.yml',
  'Rakefile',
  'crates/x/build.rs',
  'setup.py',
  'vite.config.ts',
  'web/webpack.config.cjs',
  'webpack.prod.js',
  '.eslintrc.js',
  'eslint.config.mjs',
  'jest.config.cts',
  'babel.config.json',
  'rollup.config.js',
  '.vimrc',
  'x.code-workspace',
  'docker-compose.override.yml',
])('%s is executed by others', (path) => {
  expect(executedByOthers(path)).toHaveLength(1)
})

test.for([
  'README.md',
  'docs/makefiles.md',
  'src/index.ts',
  'src/config.ts',
  'src/main.rs',
  'src/vite.ts',
  'src/build/steps.ts',
  'src/workspace.ts',
  'app/tasks.py',
  'tests/test_api.py',
  'config/app.json',
  'tsconfig.json',
  'index.html',
  'profile.ts',
  'arc.ts',
  '.gitignore',
  '.editorconfig',
  'model.pth',
  'reports/today.md',
  'agents/other.yaml',
])('%s is a file that an agent may be there to write', (path) => {
  expect(executedByOthers(path)).toEqual([])
})

test.for([
  'env',
  'a.env',
  '.environment',
  'pem',
  'my_id_rsa',
  '.sshx/a',
  'config/gh',
  '.docker',
  '.config/ghx',
  '.gitignore',
])('%s is an ordinary path', (path) => {
  expect(protectedBy(path)).toBeUndefined()
  expect(isGitInternal(path)).toBe(false)
})

test.for(['.git', '.git/config', 'a/.git/b', '.GIT', '.Git/x', '.g\u200cit/x'])('%j is git’s own', (path) => {
  expect(isGitInternal(path)).toBe(true)
})
