/** Bundles a definition's folder on the real disk, as a run does. */
import { bundle } from '../../runtime/tool/bundle.ts'
import type { Bundle, BundleOptions } from '../../runtime/tool/bundle.ts'
import { openSources } from '../../runtime/tool/confined-sources.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { nodeClock } from '../../runtime/node-processes.ts'
import { ProblemsError } from '../../runtime/errors.ts'
import type { Problem } from '../../runtime/errors.ts'

export const bundleOptions: BundleOptions = {
  guestModules: new Set(['fs/promises', 'path', 'buffer', 'url']),
  clock: nodeClock,
}

export async function bundleFolder(folder: string, entry = './tool.ts', options = bundleOptions): Promise<Bundle> {
  using sources = openSources(nodeFileHost, folder)
  return await bundle(entry, sources, options)
}

/** The problems that a bundle ends with; fails for one that succeeds or ends otherwise. */
export async function problemsOfBundle(folder: string, options = bundleOptions): Promise<readonly Problem[]> {
  try {
    await bundleFolder(folder, './tool.ts', options)
  } catch (thrown) {
    if (thrown instanceof ProblemsError) return thrown.problems
    throw thrown
  }
  throw new Error('the bundle succeeded')
}

/** What a CommonJS bundle exports, evaluated in this process. */
export function evaluate(
  code: string,
  modules: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const module = { exports: {} as Record<string, unknown> }
  const require = (name: string): unknown => {
    if (Object.hasOwn(modules, name)) return modules[name]
    throw new Error(`not provided: ${name}`)
  }
  // oxlint-disable-next-line no-implied-eval, no-new-func
  new Function('require', 'module', 'exports', code)(require, module, module.exports)
  return module.exports
}
