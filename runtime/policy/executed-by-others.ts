/**
 * Names of files that something else executes or obeys: who writes one of them runs code, or gives orders, outside of
 * every rule. A rule writes or deletes them only where it spells the name. Single segments at any depth, with all
 * below them; a `*` stands for any characters. Sources that a program imports are not listed: writing those is what
 * an agent is for.
 */
export const EXECUTED_BY_OTHERS: readonly string[] = [
  // Build servers and hosts run them after the next push, with the secrets of the repository.
  '.github .gitlab .gitlab-ci* .gitea .forgejo .circleci .buildkite .travis.yml .drone* .woodpecker* .cirrus*',
  '.appveyor.yml appveyor.yml .semaphore .teamcity .jenkins* Jenkinsfile* azure-pipelines* .azure-pipelines',
  'bitbucket-pipelines* cloudbuild.* buildspec.* amplify.yml netlify.toml vercel.json wrangler.* fly.toml render.yaml',
  'serverless.yml serverless.ts .mergify* renovate.json* CODEOWNERS',

  // Version control runs hooks, filters and drivers at the next commit or checkout.
  '.gitattributes .gitmodules .gitconfig .lfsconfig .githooks .husky .lefthook* lefthook* .pre-commit* .overcommit*',
  '.hg .svn .jj',

  // Package managers run what manifests and lock files name; interpreters load what is installed.
  'package.json package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml pnpm-workspace.yaml bun.lock bun.lockb',
  '.pnpmfile.* .pnp.* .yarn bunfig.toml deno.json* deno.lock node_modules',
  'pyproject.toml setup.py setup.cfg requirements*.txt Pipfile Pipfile.lock poetry.lock uv.lock pdm.lock pip.conf',
  'site-packages .venv venv __pycache__ sitecustomize.py usercustomize.py',
  'Cargo.toml Cargo.lock .cargo build.rs go.mod go.sum go.work Gemfile Gemfile.lock *.gemspec .bundle',
  'composer.json composer.lock mix.exs mix.lock pubspec.yaml pubspec.lock Package.swift Podfile Podfile.lock *.podspec',
  'Brewfile packages.config',

  // Build and task runners execute them when a person builds or tests, and containers are made from them.
  'Makefile Makefile.* GNUmakefile BSDmakefile *.mk *.mak CMakeLists.txt *.cmake meson.build *.ninja SConstruct',
  'SConscript wscript configure.ac Justfile .justfile *.just Taskfile Taskfile.* Rakefile *.rake Thorfile Capfile',
  'Guardfile Dangerfile Fastfile Earthfile Tiltfile Snakefile Procfile* Vagrantfile Dockerfile* *.dockerfile',
  'Containerfile* docker-compose* compose.yml compose.yaml *.nix flake.lock devbox.json noxfile.py fabfile.py dodo.py',
  'pom.xml .mvn mvnw* .m2 build.xml *.gradle *.gradle.kts .gradle gradlew* gradle-wrapper.* *.sbt build.zig*',
  'BUILD.bazel WORKSPACE.bazel MODULE.bazel *.bzl *.csproj *.fsproj *.vbproj *.vcxproj Directory.Build.* *.gyp *.gypi',
  'rebar.config project.clj stack.yaml *.cabal',

  // Test runners, linters, bundlers and debuggers load them as code, or load the code that they name.
  '*.config.js *.config.cjs *.config.mjs *.config.ts *.config.cts *.config.mts *.conf.js *.conf.cjs *.conf.ts',
  'babel.config.json webpack.*.js webpack.*.cjs webpack.*.ts vitest.workspace.* gulpfile.* Gruntfile.* knexfile.* ember-cli-build.js .storybook',
  'nodemon.json nx.json turbo.json lerna.json angular.json conftest.py pytest.ini tox.ini mypy.ini .flake8 .rspec',
  '.rubocop* .golangci* phpunit.xml* phpstan.neon* psalm.xml* .php-cs-fixer* rector.php .*.exs',
  '.gdbinit .lldbinit .ocamlinit .ghci',

  // Shells, and programs that look for a file of settings in the folder or in the home directory: `.bashrc`,
  // `.eslintrc.cjs`, `.yarnrc.yml`, `.vimrc`.
  '.*rc .*rc.* .*profile .bash_* .zsh* .zlogin .zlogout .login .logout .xsession .tmux.conf .direnv .tool-versions',
  '.mise* mise.toml .config .local',

  // Editors run their tasks and start their containers when the folder is opened.
  '.vscode *.code-workspace .idea .fleet .zed .vs .project .externalToolBuilders *.sublime-project .nvim.lua',
  '.dir-locals* .devcontainer* .gitpod* .replit .idx',

  // Other agents obey them as instructions, or start the servers and hooks that they name.
  'AGENTS.md AGENTS.*.md AGENT.md CLAUDE.md CLAUDE.*.md GEMINI.md QWEN.md CRUSH.md WARP.md .rules .agent .agents',
  '.mcp* mcp.json .claude* .cursor* .windsurf* .cline* .roo* .kilocode* .aider* .continue* .codex .gemini .qwen .kiro',
  '.junie .goose* .augment* .amazonq .opencode* opencode.json* .crush* crush.json .trae .openhands .factory',
].flatMap((names) => names.split(' '))
