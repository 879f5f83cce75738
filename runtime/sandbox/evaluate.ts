/** Code in an isolate: compiled once per process, with V8's cache of it for every further isolate. */
import {
  cachedDataOf,
  type Context,
  type ExternalCopy,
  type GuestFunction,
  type Isolate,
  type ScriptOptions,
} from './isolated-vm.ts'

export interface Code {
  readonly name: string
  readonly source: string
  /** Not a guest's: strict, so that no guest is handed a function of it as a caller or by a stack trace. */
  readonly isOurs: boolean
  /** Never leaves this process nor enters from outside. */
  cached?: ExternalCopy<ArrayBuffer> | undefined
}

/** The factory of a bundle: `(module, exports, require) => void`. */
export async function evaluate(isolate: Isolate, context: Context, code: Code): Promise<GuestFunction> {
  const script = await isolate.compileScript(wrapped(code), compileOptions(code))
  code.cached ??= cachedDataOf(script)
  return await script.run(context, { reference: true })
}

export function wrapped({ source, isOurs }: Code): string {
  const mode = isOurs ? "'use strict';" : ''
  return `(function (module, exports, require) {${mode}${source}\n})`
}

function compileOptions({ name, cached }: Code): ScriptOptions {
  return {
    filename: `file:///${name}`,
    ...(cached === undefined ? { produceCachedData: true } : { cachedData: cached }),
  }
}
