/** Memory of this process and all below it. */
import { readdirSync, readFileSync } from 'node:fs'

const PAGE_BYTES = 4096

/** Resident bytes by /proc/PID/statm, summed; what two processes share counts twice. */
export function treeBytes(): number {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const stat = readQuietly(`/proc/${pid}/stat`)
    // The command, in brackets, may hold anything; what follows it are numbers: state, parent.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (parent > 0) parents.set(pid, parent)
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid)
    return pid === process.pid || (parent !== undefined && isOurs(parent))
  }
  let bytes = 0
  for (const pid of parents.keys()) {
    if (isOurs(pid)) bytes += Number(readQuietly(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES
  }
  return bytes
}

/** A process may end between two looks. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
