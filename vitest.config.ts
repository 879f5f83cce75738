import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// No test writes into the folders of the user who runs it.
const own = join(tmpdir(), `run-agent-tests-${process.getuid?.() ?? 0}`)

export default defineConfig({
  ssr: { resolve: { conditions: ['run-agent-checkout', 'module', 'node', 'development|production'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    execArgv: ['--no-node-snapshot', '--conditions=run-agent-checkout'],
    env: {
      XDG_CACHE_HOME: join(own, 'cache'),
      XDG_STATE_HOME: join(own, 'state'),
      XDG_CONFIG_HOME: join(own, 'config'),
    },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
