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

/** The factory of a bundle: `(module, exports, require) => void`; or what else the text is the expression of. */
export async function evaluate(
  isolate: Isolate,
  context: Context,
  code: Code,
  text: string = wrapped(code),
): Promise<GuestFunction> {
  const script = await isolate.compileScript(text, compileOptions(code))
  code.cached ??= cachedDataOf(script)
  return await script.run(context, { reference: true })
}

export function wrapped({ source, isOurs }: Code): string {
  const mode = isOurs ? "'use strict';" : ''
  return `(function (module, exports, require) {${mode}${source}\n})`
}

/** The guest runtime: a function of what its `boot` (guest/boot.ts) takes. */
export function wrappedRuntime({ source }: Code): string {
  const scope = 'const module = { exports: {} }, exports = module.exports, require = () => undefined;'
  return `(function (out, need, onEntry) {'use strict';${scope}${source}\nreturn module.exports.boot(out, need, onEntry)\n})`
}

function compileOptions({ name, cached }: Code): ScriptOptions {
  return {
    filename: `file:///${name}`,
    ...(cached === undefined ? { produceCachedData: true } : { cachedData: cached }),
  }
}
