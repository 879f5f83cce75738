/**
 * Names of files that something else executes or obeys: who writes one of them runs code, or gives orders, outside of
 * every rule. A rule writes or deletes them only where it spells the name. Sources that a program imports are not
 * listed: writing those is what an agent is for. Case does not count; a `*` stands for any characters but `/`.
 */

/** Loaded as code under `NAME.config.js` and the like, wherever they stand. */
const CONFIGURED_IN_CODE = [
  'vite vitest jest ava mocha karma jasmine playwright cypress wdio nightwatch testcafe stryker detox',
  'web-test-runner webpack rollup rolldown rspack rsbuild rslib rstest esbuild tsup tsdown unbuild parcel farm',
  'snowpack metro craco electron.vite forge wxt plasmo babel swc postcss tailwind uno unocss windi panda svgo svgr',
  'stencil eslint prettier stylelint markuplint commitlint lint-staged knip syncpack release release-it',
  'semantic-release next nuxt astro svelte vue quasar umi vinxi gatsby docusaurus react-router web-dev-server',
  'capacitor ionic drizzle mikro-orm codegen orval openapi-ts sanity payload keystone medusa trigger sst storybook',
  'histoire',
]

/** Whatever their name, where tools look for them: at the root of the workspace and of each of its packages. */
const CONFIGURED_AT_ROOT = ['js', 'cjs', 'mjs', 'ts', 'cts', 'mts'].flatMap((ending) =>
  ['', 'apps/*', 'packages/*', 'libs/*'].map((root) => `${root}/*.config.${ending}`),
)

/** Names that nothing else bears: single segments at any depth, files and folders, with all below them. */
export const EXECUTED_BY_OTHERS: readonly string[] = [
  // Build servers and hosts run them after the next push, with the secrets of the repository.
  '.github .gitlab .gitlab-ci* .gitea .forgejo .circleci .buildkite .travis.yml .drone* .woodpecker* .cirrus*',
  '.appveyor.yml appveyor.yml .semaphore .teamcity .jenkins* .azure-pipelines azure-pipelines*.yml .tekton .harness',
  'azure-pipelines*.yaml bitbucket-pipelines*.yml .vela.yml .zuul* zuul.yaml zuul.d .build.yml .builds',
  'codemagic.yaml bitrise.yml cloudbuild*.yaml cloudbuild*.yml cloudbuild*.json buildspec*.yml buildspec*.yaml',
  'appspec.yml amplify.yml .ebextensions .platform .platform.app.yaml .upsun heroku.yml netlify.toml vercel.json',
  'now.json firebase.json wrangler.toml wrangler.json wrangler.jsonc fly.toml render.yaml railway.json railway.toml',
  'nixpacks.toml serverless.yml serverless.yaml serverless.json serverless.ts serverless.js .s2i .readthedocs*',
  '.mergify* renovate.json* .goreleaser* .release-it.* .htaccess .user.ini',

  // Version control runs hooks, filters and drivers at the next commit or checkout.
  '.gitattributes .gitmodules .gitconfig .lfsconfig .githooks .git-hooks .husky .lefthook* lefthook.yml',
  'lefthook.yaml lefthook.toml lefthook.json lefthook-local.* .pre-commit* .overcommit* .simple-git-hooks.*',
  'simple-git-hooks.* captainhook.json grumphp.yml grumphp.yml.dist .trunk .hg .svn .jj *.git .gitted dot_git',

  // Package managers run what manifests and lock files name; interpreters load what is installed.
  'package.json package.json5 package.yaml package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock',
  'pnpm-workspace.yaml bun.lockb .pnpmfile.* .pnp.* .yarn bunfig.toml deno.json* deno.lock node_modules',
  'pyproject.toml setup.py setup.cfg requirements*.txt *-requirements.txt Pipfile.lock poetry.lock uv.lock pdm.lock',
  'pip.conf hatch_build.py site-packages .venv pyvenv.cfg __pycache__ sitecustomize sitecustomize.py usercustomize',
  'usercustomize.py Cargo.toml Cargo.lock .cargo rust-toolchain rust-toolchain.toml go.mod go.sum go.work',
  'Gemfile.lock gems.rb gems.locked *.gemspec .bundle composer.json composer.lock mix.exs mix.lock pubspec.yaml',
  'pubspec.lock Package.swift Podfile.lock *.podspec packages.config nuget.config conanfile.py conanfile.txt',

  // Build and task runners execute them when a person builds or tests, and containers are made from them.
  '*.mk *.mak CMakeLists.txt CMakePresets.json CMakeUserPresets.json *.cmake meson.build *.ninja configure.ac',
  'autogen.sh .justfile *.just Taskfile.yml Taskfile.yaml Taskfile.dist.yml Taskfile.dist.yaml *.rake config.ru',
  '*.dockerfile docker-compose*.yml docker-compose*.yaml compose.yml compose.yaml compose.*.yml compose.*.yaml',
  'docker-bake.hcl docker-bake.json docker-bake.override.* skaffold.yaml helmfile.yaml .ddev .lando*.yml *.nix',
  'flake.lock devbox.json noxfile.py fabfile.py dodo.py dvc.yaml pom.xml .mvn mvnw mvnw.cmd .m2 build.xml *.gradle',
  '*.gradle.kts .gradle gradlew.bat gradle.properties gradle-wrapper.* buildSrc .jvmopts .sbtopts *.sbt build.zig',
  'build.zig.zon *.xcodeproj *.xcworkspace BUILD.bazel WORKSPACE.bazel WORKSPACE.bzlmod MODULE.bazel *.bzl',
  '.bazelversion *.csproj *.fsproj *.vbproj *.vcxproj Directory.Build.* *.gyp *.gypi rebar.config project.clj',
  'deps.edn bb.edn shadow-cljs.edn stack.yaml *.cabal Setup.hs dune-project dune-workspace xmake.lua premake5.lua',
  'magefile.go magefiles Build.PL RoboFile.php wp-cli.yml ansible.cfg *.tf *.tf.json .terraform* terragrunt.hcl',
  'cdk.json electron-builder.*',

  // Test runners, linters, bundlers and debuggers load them as code, or load the code that they name.
  ...CONFIGURED_IN_CODE.flatMap((tools) => tools.split(' ')).map((tool) => `${tool}.config.*`),
  'karma.conf.* protractor.conf.* wdio.conf.* wdio.*.conf.* nightwatch.conf.* stryker.conf.* quasar.conf.*',
  'vitest.workspace.* gulpfile.* Gruntfile.* knexfile.* plopfile.* gatsby-config.* gatsby-node.* ember-cli-build.js',
  '.storybook .vitepress .vuepress nodemon.json nx.json turbo.json lerna.json angular.json .markdownlint-cli2.*',
  '.dependency-cruiser.* .testcafe* conftest.py pytest.ini tox.ini mypy.ini .flake8 jupyter_*config.py',
  'jupyter_*config.json ipython_*config.py gunicorn.conf.py mkdocs.yml mkdocs.yaml alembic.ini .ycm_extra_conf.py',
  '.rspec .rspec-local .simplecov .yardopts .standard.yml .rubocop* .golangci* .air.toml phpunit.xml* phpcs.xml*',
  '.phpcs.xml* phpstan.neon* psalm.xml* .php-cs-fixer* rector.php ecs.php .*.exs .clangd .gdbinit .lldbinit',
  '.ocamlinit .ghci startup.m',

  // Shells, and programs that look for a file of settings in the folder or in the home directory: `.bashrc`,
  // `.eslintrc.cjs`, `.yarnrc.yml`, `.vimrc`.
  '.*rc .*rc.* .*profile .bash_* .zsh* .zlogin .zlogout .login .logout .xsession .tmux.conf .tmuxinator.yml .direnv',
  '.autoenv* .tool-versions .mise* mise.toml .config .local .Renviron .RData',

  // Editors run their tasks and start their containers when the folder is opened.
  '.vscode *.code-workspace .idea .run .fleet .zed .helix .vim .emacs .emacs.d .vs .project .externalToolBuilders',
  '*.sublime-project .nvim.lua .dir-locals* .devcontainer* .gitpod* .replit .idx',

  // Other agents obey them as instructions, or start the servers and hooks that they name.
  'AGENTS.md AGENTS.*.md .agents.md AGENT.md CLAUDE.md CLAUDE.*.md GEMINI.md QWEN.md CRUSH.md WARP.md JULES.md',
  '.rules .agent .agents .mcp* .claude* .cursor* .windsurf* .cline* .roo* .kilocode* .aider* .aiassistant .continue*',
  '.codex .gemini .qwen .kiro .junie .goose* .augment* .amazonq .opencode* opencode.json* .crush* crush.json .trae',
  '.openhands .factory .coderabbit* .pr_agent.toml .sourcery*',
].flatMap((names) => names.split(' '))

/**
 * Words that folders of sources bear too: the last name of a path alone, at any depth, behind the folders that the
 * pattern names. One that begins with `/` stands at the root of the workspace.
 */
export const EXECUTED_FILES: readonly string[] = [
  // What `--locked` holds a run to, and what package managers do.
  '*.lock',

  // A folder with `HEAD`, `objects` and `refs` is a repository to git, and its `config` names programs. Hooks may lie
  // in any folder.
  'HEAD config pre-commit pre-merge-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout',
  'post-merge pre-push pre-receive post-receive post-rewrite pre-auto-gc applypatch-msg pre-applypatch',
  'post-applypatch sendemail-validate reference-transaction push-to-checkout fsmonitor-watchman post-index-change',

  'Makefile Makefile.* GNUmakefile BSDmakefile SConstruct SConscript wscript Justfile Rakefile Thorfile Capfile',
  'Guardfile Dangerfile Fastfile Earthfile Tiltfile Snakefile Taskfile Procfile Procfile.* Vagrantfile Dockerfile',
  'Dockerfile.* Dockerfile-* Containerfile Containerfile.* Jenkinsfile Jenkinsfile.* Jenkinsfile-* Gemfile Pipfile',
  'Podfile Brewfile Appraisals CODEOWNERS BUILD WORKSPACE BUCK dune configure gradlew pylintrc crontab build.rs',
  'webpack.*.js webpack.*.cjs webpack.*.mjs webpack.*.ts webpack.*.cts webpack.*.mts',
  ...CONFIGURED_AT_ROOT,

  'requirements/*.txt azure-pipelines/*.yml azure-pipelines/*.yaml hooks/update hooks/post-update tools/bazel',
  'bin/pre_compile bin/post_compile bin/activate bin/activate.* venv/bin/* venv/Scripts/* env/bin/* env/Scripts/*',
  '/conf.py docs/conf.py doc/conf.py docs/*/conf.py doc/*/conf.py sphinx/conf.py source/conf.py /app.json',
  'apps/*/app.json /project.json apps/*/project.json packages/*/project.json libs/*/project.json /mcp.json /tasks.py',
  '/environment.yml /environment.yaml',
].flatMap((names) => names.split(' '))

/** Endings of a source that handles such files: `src/dockerfile.ts`. */
const SOURCES = 'c cc cpp cs css dart ex go h hpp java js jsx kt md mjs php py rb rs scala scss svelte swift ts tsx vue'

/** As `EXECUTED_FILES`, of what they cover and nobody executes. */
export const ORDINARY_SOURCES: readonly string[] = [
  ...['Makefile', 'Dockerfile', 'Containerfile', 'Jenkinsfile', 'Procfile'].flatMap((stem) =>
    SOURCES.split(' ').flatMap((ending) => [`${stem}.${ending}`, `${stem}.test.${ending}`, `${stem}-*.${ending}`]),
  ),
  'webpack.d.ts',
  // Modules of a command line; cargo runs the `build.rs` beside a `Cargo.toml`.
  'src/commands/build.rs',
  'src/cmd/build.rs',
  'src/cli/build.rs',
]
