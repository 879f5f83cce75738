/**
 * The parts of the guest platform: what each gives a guest. A part is loaded where a guest first names something of
 * it, so that one that is not used costs nothing. Names alone stand here; the host bundles `platform/NAME.ts`.
 */

import { NODE_PARTS } from './node-parts.ts'

interface PlatformPart {
  /** Globals of a guest, by the names under which the part exports them. */
  readonly globals: readonly string[]
  /** Node builtins, without `node:`, each all that the part exports, or what it exports under the name behind it. */
  readonly modules: readonly (readonly [module: string, exported?: string])[]
}

const PARTS = {
  url: { globals: ['URL', 'URLSearchParams'], modules: [] },
  ...NODE_PARTS,
} as const satisfies Record<string, PlatformPart>

export type PlatformPartName = keyof typeof PARTS

/** By name. A process that asks for another is not ours any more. */
export const PLATFORM_PARTS: ReadonlyMap<string, PlatformPart> = new Map(Object.entries(PARTS))

/** Those that the guest runtime itself holds. */
const RUNTIME_MODULES = ['fs/promises'] as const

/** Node builtins that have a counterpart in the guest, without `node:`. */
export const GUEST_MODULES: ReadonlySet<string> = new Set([
  ...RUNTIME_MODULES,
  ...[...PLATFORM_PARTS.values()].flatMap(({ modules }) => modules.map(([module]) => module)),
])
