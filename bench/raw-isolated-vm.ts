/** isolated-vm in this process with the least that makes it usable: no limits but its own, no pool, no record. */
import ivm from 'isolated-vm'
import { hostRecord, waited } from './host.ts'
import type { System, Task } from './system.ts'

const MEMORY_MB = 64

const BOOTSTRAP = `(function (host, wait) {
  const call = (reference, argument) =>
    reference.apply(undefined, [argument], { result: { promise: true, copy: true } }).then(JSON.parse)
  return {
    host: () => call(host, 'null'),
    wait: (ms) => call(wait, JSON.stringify(ms)),
  }
})($0, $1)`

export function rawIsolatedVm(): System {
  return {
    name: 'isolated-vm, in process',
    async call(task) {
      const isolate = await run(task)
      isolate.isolate.dispose()
      return isolate.value
    },
    async hold(count) {
      const held: ivm.Isolate[] = []
      for (let index = 0; index < count; index += 1) held.push((await run({ body: 'return 2' })).isolate)
      return { release: async () => held.forEach((isolate) => isolate.dispose()) }
    },
    close: async () => {},
  }
}

async function run({ body, inputJson = 'null' }: Task): Promise<{ readonly isolate: ivm.Isolate; value: unknown }> {
  const isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB })
  const context = await isolate.createContext()
  const host = new ivm.Reference(async () => JSON.stringify(await hostRecord()))
  const wait = new ivm.Reference(async (ms: string) => JSON.stringify(await waited(Number(ms))))
  const api = await context.evalClosure(`return ${BOOTSTRAP}`, [host, wait], { result: { reference: true } })
  const script = await isolate.compileScript(
    `(async (api, inputJson) => { const { host, wait } = api; const input = JSON.parse(inputJson);` +
      ` return JSON.stringify((await (async () => {${body}})()) ?? null) })`,
  )
  const entry = await script.run(context, { reference: true })
  const text: unknown = await entry.apply(undefined, [api.derefInto(), inputJson], {
    result: { promise: true, copy: true },
  })
  return { isolate, value: JSON.parse(String(text)) }
}
