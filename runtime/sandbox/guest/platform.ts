/**
 * The guest's end of the platform: what is not here yet is asked of the sandbox process when it is first named. The
 * guest stands still while it comes, so that nobody can tell when it came.
 */
import { PLATFORM_PARTS } from './platform-parts.ts'

export type Require = (id: string) => unknown
/** A bundle in CommonJS form, wrapped as a function. */
export type Factory = (module: { exports: unknown }, exports: unknown, require: Require) => void
/** The part's code; undefined where it cannot be had. */
export type Need = (part: string) => Factory | undefined

const loaded = new Map<string, object>()
const getOwn = Reflect.getOwnPropertyDescriptor
let needPart: Need = () => undefined
let requireModule: Require = () => undefined

/**
 * Makes every global of the platform an accessor that is replaced by its value on first use. `runtime` is what parts,
 * and nobody else, see as the module `run-agent` (platform/runtime.ts).
 */
export function installPlatform(need: Need, require: Require, runtime: object): void {
  needPart = need
  requireModule = (id) => (id === 'run-agent' ? runtime : require(id))
  for (const [part, { globals }] of PLATFORM_PARTS) {
    for (const name of globals) {
      Object.defineProperty(globalThis, name, {
        get: () => settled(name, memberOf(partOf(part), name)),
        set: (value: unknown) => {
          settled(name, value)
        },
        enumerable: false,
        configurable: true,
      })
    }
  }
}

/** What a Node builtin of the platform exports; undefined where no part has it. */
export function platformModule(module: string): unknown {
  for (const [part, { modules }] of PLATFORM_PARTS) {
    for (const [name, exported] of modules) {
      if (name === module) return exported === undefined ? partOf(part) : memberOf(partOf(part), exported)
    }
  }
  return undefined
}

function settled(name: string, value: unknown): unknown {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  return value
}

/** All that a part exports; it is loaded where that was not done yet. */
export function partOf(name: string): object {
  const known = loaded.get(name)
  if (known !== undefined) return known
  const factory = needPart(name)
  if (factory === undefined) throw new Error(`the sandbox has no part ${name}`)
  const module: { exports: unknown } = { exports: {} }
  // Parts may need one another; what a part exports so far is what the other sees, as in Node.
  loaded.set(name, Object(module.exports))
  try {
    factory(module, module.exports, requireModule)
  } catch (error) {
    // No room on the stack, say: half a part is not what the next one who names it may get.
    loaded.delete(name)
    throw error
  }
  const exports = Object(module.exports)
  loaded.set(name, exports)
  return exports
}

function memberOf(exports: object, name: string): unknown {
  const found = getOwn(exports, name)
  return found?.get === undefined ? found?.value : found.get.call(exports)
}
