/**
 * Isolates that are made before they are needed. How many are kept follows the demand: as many as were taken side by
 * side lately. They are made one at a time, once a call that has just begun waits or has ended, so that the making
 * does not take from it the processor that it needs; a call that keeps computing holds it up no longer than LATE_MS.
 */

export interface Spares<Isolate> {
  /** One that nothing ran in yet; a new one where none is left. */
  take(): Promise<Isolate>
  /** The processor is free: makes the next one, if one is wanted. */
  fill(): void
}

/** More calls than this at once are rare, and each spare holds some megabytes. */
const SPARES_MAX = 4
/** A tool call that computes for so long does not mind the company. */
const LATE_MS = 20
/** What was not taken for so long is not wanted any more, but for the last one. */
const UNUSED_MS = 5_000

export function createSpares<Isolate>(isolates: {
  boot(): Promise<Isolate>
  drop(isolate: Isolate): void
}): Spares<Isolate> {
  const ready: Promise<Isolate>[] = []
  let isMaking = false
  let wanted = 1
  /** Taken since `ready` was full the last time: so many were wanted at once. */
  let taken = 0
  let late: NodeJS.Timeout | undefined
  let unused: NodeJS.Timeout | undefined

  const fill = (): void => {
    clearTimeout(late)
    late = undefined
    if (isMaking) return
    if (ready.length >= wanted) {
      taken = 0
      return
    }
    isMaking = true
    const made = isolates.boot()
    ready.push(made)
    made.then(
      () => {
        isMaking = false
        fill()
      },
      () => {
        isMaking = false
        const at = ready.indexOf(made)
        if (at >= 0) void ready.splice(at, 1)
      },
    )
  }

  const shrink = (): void => {
    wanted = 1
    for (const extra of ready.splice(1)) void extra.then(isolates.drop, () => undefined)
  }

  return {
    take() {
      taken += 1
      wanted = Math.min(SPARES_MAX, Math.max(wanted, taken))
      clearTimeout(unused)
      unused = setTimeout(shrink, UNUSED_MS)
      late ??= setTimeout(fill, LATE_MS)
      return ready.shift() ?? isolates.boot()
    },
    fill,
  }
}
