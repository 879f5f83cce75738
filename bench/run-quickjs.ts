/** `run` of Vercel: a fresh QuickJS context in a pooled worker thread. */
import { hostRecord, waited } from './host.ts'
import type { System } from './system.ts'

/** As far as it is used here; the package is installed beside the measurement alone. */
interface RunPackage {
  run(input: {
    readonly source: string
    readonly hostFunctions: object
    readonly limits: object
  }): Promise<{ readonly status: string; readonly value?: unknown }>
}

const LIMITS = { timeoutMs: 30_000, memoryLimitBytes: 64 * 1024 * 1024, maxBridgeRequests: 10_000 }
const PACKAGE: string = 'run'

export async function runQuickjs(): Promise<System> {
  const { run }: RunPackage = await import(PACKAGE)
  const hostFunctions = { tools: { host: () => hostRecord(), wait: (ms: number) => waited(ms) } }
  return {
    name: 'run (QuickJS)',
    async call({ body, inputJson = 'null' }) {
      const source = `const { host, wait } = tools; const input = ${inputJson};\n${body}`
      const result = await run({ source, hostFunctions, limits: LIMITS })
      if (result.status !== 'completed') throw new Error(`run: ${result.status}`)
      return result.value
    },
    close: async () => {},
  }
}
