import { expect, test } from 'vitest'
import { EXECUTED_BY_OTHERS, EXECUTED_FILES } from '../../runtime/policy/executed-by-others.ts'
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
    const found = { pattern: expect.any(String) as string, name: name.toLowerCase(), isLast: false }
    expect(executedByOthers(path), path).toEqual([found])
    expect(executedByOthers(path, 'folder'), path).toEqual([found])
  }
})

test.for(EXECUTED_FILES)('%s is executed by others as a file, and no folder', (pattern) => {
  const path = pattern.replaceAll('*', 'x').replace(/^\//, '')
  const deeper = pattern.startsWith('/') ? [] : [`a/${path}`, `a/b/${path}`]
  for (const file of [path, path.toUpperCase(), ...deeper]) {
    const found = executedByOthers(file)
    const name = path.split('/').at(-1)!.toLowerCase()
    expect(found, file).toEqual([
      { pattern: expect.any(String) as string, name, isLast: expect.any(Boolean) as boolean },
    ])
  }
  if (!pattern.startsWith('/')) return
  expect(executedByOthers(`a/${path}`).map((found) => found.pattern)).not.toContain(pattern)
})

test.for(['HEAD', 'Makefile', 'Gemfile', 'config', 'CODEOWNERS', 'build'])('%s may be a folder of sources', (name) => {
  expect(executedByOthers(name)).toHaveLength(1)
  expect(executedByOthers(`src/${name}`, 'folder')).toEqual([])
  expect(executedByOthers(`src/${name}/parse.ts`)).toEqual([])
  expect(executedByOthers(`src/${name}/${name}`)).toHaveLength(1)
})

test('nothing stands on the lists twice', () => {
  const listed = [...EXECUTED_BY_OTHERS, ...EXECUTED_FILES].map((pattern) => pattern.toLowerCase())
  expect(listed.filter((pattern, index) => listed.indexOf(pattern) !== index)).toEqual([])
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
  expect(executedByOthers(path)).not.toEqual([])
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

/** Names that tools execute or obey by themselves. */
const EXECUTED = `
rust-toolchain rust-toolchain.toml compose.override.yml compose.override.yaml compose.prod.yaml docker-bake.hcl
docker-bake.override.json gems.rb gems.locked gunicorn.conf.py conf.py docs/conf.py docs/source/conf.py
jupyter_server_config.py jupyter_config.json ipython_config.py mkdocs.yml pylintrc hatch_build.py alembic.ini
.helix/languages.toml .simplecov .rspec-local .yardopts .RData .Renviron .Rprofile startup.m gradle.properties
buildSrc/src/main/java/A.java .jvmopts .sbtopts App.xcodeproj/project.pbxproj NuGet.Config nuget.config BUILD a/BUILD
WORKSPACE BUCK src/dune dune-project Setup.hs conanfile.py xmake.lua Build.PL Makefile.PL configure CMakePresets.json
ansible.cfg main.tf terragrunt.hcl cdk.json project.json apps/shop/project.json jest.config.json karma.conf.mjs
webpack.prod.mjs .markdownlint-cli2.cjs .dependency-cruiser.js .release-it.json .goreleaser.yml .air.toml plopfile.js
.simple-git-hooks.cjs captainhook.json grumphp.yml .trunk/trunk.yaml .htaccess .user.ini phpcs.xml .readthedocs.yaml
.tekton/x.yaml .build.yml .builds/x.yml appspec.yml .ebextensions/x.config .platform/hooks/x .platform.app.yaml
heroku.yml app.json apps/phone/app.json firebase.json .harness/x.yml .vela.yml .zuul.yaml zuul.yaml codemagic.yaml
bitrise.yml railway.json nixpacks.toml now.json serverless.json requirements/dev.txt test-requirements.txt
requirements-dev.txt .aiassistant/rules/x.md HEAD sub/HEAD sub/head sub/config fixtures/a.git/hooks/x a/hooks/pre-commit
scripts/commit-msg venv/bin/python venv/bin/activate env/bin/pip my/bin/activate .venv/x a/pyvenv.cfg mcp.json
app.config.ts packages/a/app.config.js libs/a/any.config.mjs src/vite.config.ts src/jest.config.js/index.js
web/next.config.mjs a/b/c/tailwind.config.ts src/build.rs crates/commands/build.rs src/bootstrap/build.rs Dockerfile
Dockerfile.prod api.dockerfile Dockerfile-dev docker/Dockerfile Makefile.inc Jenkinsfile.nightly
azure-pipelines-nightly.yml azure-pipelines/deploy.yml docker-compose.prod.yaml lefthook.toml wrangler.jsonc
cloudbuild.yaml buildspec.prod.yml gradlew gradlew.bat src/webpack.prod.ts tools/bazel sitecustomize/__init__.py tasks.py`

/** Sources of real projects. */
const ORDINARY = `
src/app/app.config.ts src/config/database.config.ts apps/api/src/config/typeorm.config.ts src/commands/build.rs
src/cli/build.rs src/dockerfile.ts src/dockerfile.test.ts src/dockerfile-parser.ts src/dockerfile/index.ts
src/docker-compose.ts src/makefile.ts src/makefile/parse.ts src/Makefile.go src/codeowners/parse.ts src/codeowners.ts
src/taskfile/ast.go src/taskfile.go src/jenkinsfile.ts src/jenkinsfileRunner/x.java src/lefthook.go src/wrangler.ts
src/cloudbuild.go src/buildspec.ts src/gradlew.ts src/mvnw.ts src/webpack.d.ts src/venv/x.py Lib/venv/__main__.py
src/mcp.json src/gemfile/x.rb src/podfile/x.rb src/pipfile/api.py src/capfile/x.rb src/brewfile/x.rb
src/snakefile/rule.py src/earthfile/ast.go src/Guardfile/x src/procfile.go src/containerfile.go src/rakefile/x.rb
src/azure-pipelines-client.ts src/config/index.ts config/database.yml app/config.py src/head.tsx src/head/index.ts
app/head.tsx src/build/a.ts src/build.ts src/configure/x.ts src/configure.ts src/workspace/a.ts src/compose.ts
src/project.json locales/en/app.json public/locales/de/project.json config/app.json src/app/conf.py django/conf.py
src/hooks/useAuth.ts src/hooks/pre-commit.ts src/env/bin.ts src/requirements.ts requirements/parse.py
app/tasks.py src/dune.ml src/startup.ts src/environment.yml tests/fixtures/config.json terraform/README.md
docs/configure.md bin/run src/bazel.ts src/zuul.ts src/now.ts src/platform/linux.ts src/run/index.ts`

test.for(EXECUTED.trim().split(/\s+/))('%s is not written unless it is spelled', (path) => {
  expect(executedByOthers(path)).not.toEqual([])
})

test.for(ORDINARY.trim().split(/\s+/))('%s is an ordinary source', (path) => {
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
