/** The packed package, installed into an empty folder with the machine's own Node: no checkout, compiler or Python. */
import { execFileSync } from 'node:child_process'
import {
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
      run(root, 'npm', 'pack', '--ignore-scripts=false', '--pack-destination', folder)
      const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? expect.fail('no tarball')
      writeFileSync(join(folder, 'app/package.json'), '{"private":true}')
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
    } finally {
      rmSync(folder, { recursive: true, force: true })
      rmSync(join(root, 'dist'), { recursive: true, force: true })
    }
  },
)
