/** The processes that a process has started, and theirs, as Linux names them. */
import { readdirSync, readFileSync } from 'node:fs'

/** A pid may be given away again; with the time of its start it is one process. */
export type ProcessName = `${number} ${string}`

export function descendantsOf(pid: number): readonly ProcessName[] {
  const children = Map.groupBy(allProcesses(), ({ parent }) => parent)
  const found: ProcessName[] = []
  const waiting = [pid]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child.name)
      waiting.push(child.pid)
    }
  }
  return found
}

/** Those of the named processes that run still; one that has ended and was not waited for does not. */
export function running(names: Iterable<ProcessName>): readonly ProcessName[] {
  const alive = new Set(allProcesses().map(({ name }) => name))
  return [...names].filter((name) => alive.has(name))
}

function allProcesses(): readonly { readonly pid: number; readonly parent: number; readonly name: ProcessName }[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) return []
    try {
      // The name of the program stands in parentheses and may hold any of what separates the fields.
      const [state, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')
      const started = rest[STARTED] ?? ''
      return state === 'Z' ? [] : [{ pid, parent: Number(parent), name: `${pid} ${started}` as const }]
    } catch {
      // It ended while the folder was read.
      return []
    }
  })
}

/** Of the fields after the parent's. */
const STARTED = 17
