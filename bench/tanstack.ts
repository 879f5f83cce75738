/** @tanstack/ai-isolate-node: isolated-vm in this process, host calls that block the isolate. */
import { hostRecord, waited } from './host.ts'
import type { System } from './system.ts'

interface Binding {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
  execute(input: { readonly ms?: number }): Promise<unknown>
}

/** As far as it is used here; the package is installed beside the measurement alone. */
interface TanstackPackage {
  createNodeIsolateDriver(options: { readonly memoryLimit: number; readonly timeout: number }): {
    createContext(options: { readonly bindings: Record<string, Binding> }): Promise<{
      execute(code: string): Promise<{ readonly success: boolean; readonly value?: unknown; readonly error?: unknown }>
      dispose(): Promise<void>
    }>
  }
}

const PACKAGE: string = '@tanstack/ai-isolate-node'

export async function tanstack(): Promise<System> {
  const { createNodeIsolateDriver }: TanstackPackage = await import(PACKAGE)
  const driver = createNodeIsolateDriver({ memoryLimit: 64, timeout: 30_000 })
  const inputSchema = { type: 'object' }
  const bindings = {
    host: { name: 'host', description: '', inputSchema, execute: () => hostRecord() },
    waitFor: { name: 'waitFor', description: '', inputSchema, execute: ({ ms = 0 }) => waited(ms) },
  } satisfies Record<string, Binding>
  return {
    name: 'ai-isolate-node',
    async call({ body, inputJson = 'null' }) {
      const context = await driver.createContext({ bindings })
      try {
        const code = `const wait = (ms) => waitFor({ ms }); const input = ${inputJson};\n${body}`
        const result = await context.execute(code)
        if (!result.success) throw new Error(`ai-isolate-node: ${JSON.stringify(result.error)}`)
        return result.value
      } finally {
        await context.dispose()
      }
    },
    close: async () => {},
  }
}
