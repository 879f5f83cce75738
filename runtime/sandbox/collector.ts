/** Collects the garbage of the sandbox process itself, in time. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A collection takes a few milliseconds, a tenth of what it takes to bring so much across. */
const COLLECT_BYTES = 8 * 1024 * 1024

/**
 * What crosses is garbage here as soon as it has crossed, but V8 counts this heap against the memory of the machine
 * and sees no hurry: reading a few large files brought a process to half a gigabyte. The function is taken from a
 * context of its own, so that no isolate ever has it.
 */
export function createCollector(): (bytes: number) => void {
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  let garbage = 0
  return (bytes) => {
    garbage += bytes
    if (garbage < COLLECT_BYTES) return
    garbage = 0
    // Later, when the frame is not in use any more.
    setImmediate(gc)
  }
}
