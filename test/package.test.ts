/** The packed package, installed into an empty folder with the machine's own Node: no checkout, compiler or Python. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const npm = ['/usr/bin/npm', '/usr/local/bin/npm'].find((path) => existsSync(path))
const node = npm === undefined ? undefined : join(dirname(npm), 'node')

/** What a checkout holds and a package is made of. */
const PACKED =
  'runtime tools agents docs package.json tsconfig.json tsconfig.build.json README.md ARCHITECTURE.md SECURITY.md LICENSE .npmrc'.split(
    ' ',
  )

function wordsOf(words: readonly string[] | undefined): [string, ...string[]] {
  const [file = '', ...args] = words ?? []
  return [file, ...args]
}

// Without an npm of the machine's own there is nothing to install with.
test.skipIf(npm === undefined || node === undefined)(
  'the packed package reviews a repository',
  { timeout: 240_000 },
  (context) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-package-')))
    try {
      const bin = join(folder, 'bin')
      for (const name of ['bin', 'repository', 'app']) mkdirSync(join(folder, name))
      for (const name of ['sh', 'env', 'git', 'tar', 'gzip', 'uname']) {
        const found = ['/bin', '/usr/bin'].map((path) => join(path, name)).find((path) => existsSync(path))
        if (found !== undefined) symlinkSync(found, join(bin, name))
      }
      symlinkSync(node ?? '', join(bin, 'node'))
      symlinkSync(npm ?? '', join(bin, 'npm'))
      const environment = {
        PATH: bin,
        HOME: folder,
        XDG_CACHE_HOME: join(folder, 'cache'),
        XDG_STATE_HOME: join(folder, 'state'),
        XDG_CONFIG_HOME: join(folder, 'config'),
        ...(process.env['npm_config_registry'] === undefined
          ? {}
          : { npm_config_registry: process.env['npm_config_registry'] }),
        npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(process.env['HOME'] ?? '', '.npmrc'),
      }
      const run = (cwd: string, file: string, ...args: string[]): string =>
        execFileSync(file, args, { cwd, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      try {
        run(root, 'npm', 'view', 'zod', 'version', '--fetch-retries=0', '--fetch-timeout=10000')
      } catch {
        context.skip('no npm registry answers')
      }
      // What is packed is built first, and no other test may see that half done.
      const copy = join(folder, 'copy')
      for (const name of PACKED) cpSync(join(root, name), join(copy, name), { recursive: true })
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
      run(copy, 'npm', 'pack', '--ignore-scripts=false', '--pack-destination', folder)
      const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? expect.fail('no tarball')
      writeFileSync(join(folder, 'app/package.json'), '{"private":true,"type":"commonjs"}')
      run(join(folder, 'app'), 'npm', 'install', join(folder, tarball), '--ignore-scripts', '--no-audit', '--no-fund')

      const repository = join(folder, 'repository')
      writeFileSync(join(repository, 'a.js'), 'debugger\n')
      for (const args of [
        ['init', '-q'],
        ['add', '.'],
        ['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-qm', 'one'],
      ])
        run(repository, 'git', ...args)
      const agent = join(folder, 'app/node_modules/run-agent/agents/reviewer.yaml')
      const program = join(folder, 'app/node_modules/.bin/run-agent')
      expect(run(repository, program, '--help')).toContain('run-agent <definition>')
      expect(run(repository, program, agent)).toContain('`a.js:1` — `debugger`')
      expect(run(repository, program, 'replay', 'last')).toContain('identical')

      // A newcomer's first hour, on the machine's own Node and in a package of CommonJS, as `npm init` makes it.
      const app = join(folder, 'app')
      const next = run(app, program, 'init').split('next:\n')[1]?.trim().split(/\n\s*/) ?? []
      expect(next).toHaveLength(3)
      const [check, hello, unit] = next.map((line) => line.replace('npx run-agent', program).split(' '))
      expect(run(app, ...wordsOf(check))).toContain('hello: valid')
      expect(run(app, ...wordsOf(hello))).toContain('agents/hello.yaml:')
      expect(run(app, ...wordsOf(unit))).toMatch(/pass 2\n/)
      expect(run(app, program, 'doctor', 'agents/hello.yaml')).toContain('the one that comes with run-agent')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
