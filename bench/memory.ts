/** Memory of sandboxes that are ready and wait: a staircase over their number, by the memory of the process tree. */
import { ours } from './ours.ts'
import { treeBytes } from './process-tree.ts'
import { rawIsolatedVm } from './raw-isolated-vm.ts'
import type { System } from './system.ts'

const STEPS = [0, 4, 8, 12, 16, 20, 24]
const SETTLE_MS = 300
const MEGABYTE = 1024 * 1024
/** What a spare isolate may cost beyond a bare one: its guest runtime. */
const ABOVE_BARE_MAX = 2

export async function measureMemory(): Promise<{ readonly lines: readonly string[]; readonly holds: boolean }> {
  const bare = await perSandbox(rawIsolatedVm())
  const own = await perSandbox(await ours())
  const above = own - bare
  return {
    lines: [
      `memory: MB of the process tree for each sandbox that waits (${STEPS.at(-1)} of them)`,
      `  ours ${own.toFixed(2)}, raw ${bare.toFixed(2)}`,
      `  ${above <= ABOVE_BARE_MAX ? 'holds' : 'FAILS'}  ours ≤ raw + ${ABOVE_BARE_MAX} MB: ${above.toFixed(2)}`,
    ],
    holds: above <= ABOVE_BARE_MAX,
  }
}

/** The slope of the staircase, by least squares. */
async function perSandbox(system: System): Promise<number> {
  if (system.hold === undefined) throw new Error(`${system.name} cannot hold sandboxes`)
  await system.call({ body: 'return 0' })
  const points: { readonly count: number; readonly bytes: number }[] = []
  const held: { release(): Promise<void> }[] = []
  for (const count of STEPS) {
    const last = points.at(-1)?.count ?? 0
    if (count > last) held.push(await system.hold(count - last))
    await settled()
    points.push({ count, bytes: treeBytes() })
  }
  for (const some of held) await some.release()
  await system.close()
  const mean = (of: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const middle = { count: mean(({ count }) => count), bytes: mean(({ bytes }) => bytes) }
  const above = points.reduce((sum, { count, bytes }) => sum + (count - middle.count) * (bytes - middle.bytes), 0)
  const below = points.reduce((sum, { count }) => sum + (count - middle.count) ** 2, 0)
  return above / below / MEGABYTE
}

/** Twice, because what the first collection frees may hold more. */
async function settled(): Promise<void> {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  globalThis.gc?.()
}
