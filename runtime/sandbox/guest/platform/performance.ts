/** The clock of the guest, which stands still between deliveries (High Resolution Time, User Timing). */
import { domString } from './dom-string.ts'
import { asInterface } from './interface.ts'
import { runtime } from './runtime.ts'

interface Times {
  readonly startTime?: number
  readonly duration?: number
  readonly detail?: unknown
}

/** Only what stands here makes entries that are no marks. */
const MINE = Symbol('PerformanceEntry')
const origin = runtime.call.now
const now = (): number => Date.now() - origin

class PerformanceEntry {
  readonly #name: string
  readonly #entryType: string
  readonly #startTime: number
  readonly #duration: number

  constructor(mine: unknown, name: string, entryType: string, { startTime = 0, duration = 0 }: Times) {
    if (mine !== MINE) throw new TypeError('Illegal constructor')
    this.#name = name
    this.#entryType = entryType
    this.#startTime = startTime
    this.#duration = duration
  }

  get name(): string {
    return this.#name
  }

  get entryType(): string {
    return this.#entryType
  }

  get startTime(): number {
    return this.#startTime
  }

  get duration(): number {
    return this.#duration
  }

  toJSON(): object {
    const { name, entryType, startTime, duration } = this
    return { name, entryType, startTime, duration }
  }
}

class PerformanceMark extends PerformanceEntry {
  readonly #detail: unknown

  constructor(...given: [name?: unknown, options?: Times | null]) {
    const [name, options] = given
    if (given.length === 0) throw new TypeError('a mark needs a name')
    const { startTime = now(), detail = null } = options ?? {}
    if (startTime < 0) throw new TypeError('the startTime of a mark must not be negative')
    super(MINE, domString(name), 'mark', { startTime: Number(startTime) })
    this.#detail = detail === null ? null : structuredClone(detail)
  }

  get detail(): unknown {
    return this.#detail
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.detail }
  }
}

class PerformanceMeasure extends PerformanceEntry {
  readonly #detail: unknown

  constructor(mine: unknown, name: string, { detail = null, ...times }: Times) {
    super(mine, name, 'measure', times)
    this.#detail = detail === null ? null : structuredClone(detail)
  }

  get detail(): unknown {
    return this.#detail
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.detail }
  }
}

interface MeasureOptions {
  readonly start?: unknown
  readonly end?: unknown
  readonly duration?: number
  readonly detail?: unknown
}

class Performance extends EventTarget {
  #entries: PerformanceEntry[] = []

  constructor(mine?: unknown) {
    if (mine !== MINE) throw new TypeError('Illegal constructor')
    super()
  }

  get timeOrigin(): number {
    return origin
  }

  now(): number {
    return now()
  }

  mark(...given: [name?: unknown, options?: Times | null]): PerformanceMark {
    const mark = new PerformanceMark(...given)
    this.#entries.push(mark)
    return mark
  }

  measure(...given: [name?: unknown, startOrOptions?: unknown, end?: unknown]): PerformanceMeasure {
    if (given.length === 0) throw new TypeError('a measure needs a name')
    const { startTime, endTime, detail } = this.#timesOf(given[1], given[2])
    const times = { startTime, duration: endTime - startTime, ...(detail === undefined ? {} : { detail }) }
    const measure = new PerformanceMeasure(MINE, domString(given[0]), times)
    this.#entries.push(measure)
    return measure
  }

  clearMarks(name?: unknown): void {
    this.#clear('mark', name)
  }

  clearMeasures(name?: unknown): void {
    this.#clear('measure', name)
  }

  getEntries(): PerformanceEntry[] {
    return this.#entries.toSorted((left, right) => left.startTime - right.startTime)
  }

  getEntriesByName(name: unknown, type?: unknown): PerformanceEntry[] {
    return this.getEntries().filter(
      (entry) => entry.name === String(name) && (type === undefined || entry.entryType === String(type)),
    )
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    return this.getEntries().filter(({ entryType }) => entryType === String(type))
  }

  toJSON(): object {
    return { timeOrigin: origin }
  }

  #clear(type: string, name: unknown): void {
    this.#entries = this.#entries.filter(
      (entry) => entry.entryType !== type || (name !== undefined && entry.name !== String(name)),
    )
  }

  #timesOf(first: unknown, second: unknown): { startTime: number; endTime: number; detail?: unknown } {
    if (typeof first !== 'object' || first === null) {
      const startTime = first === undefined ? 0 : this.#timeOf(first)
      return { startTime, endTime: second === undefined ? now() : this.#timeOf(second) }
    }
    const { start, end, duration, detail } = first as MeasureOptions
    if (second !== undefined || (start === undefined && end === undefined && Object.keys(first).length > 0)) {
      throw new TypeError('a measure needs a start or an end, once')
    }
    if (start !== undefined && end !== undefined && duration !== undefined) {
      throw new TypeError('a measure has a start, an end or a duration, but not all of them')
    }
    const given = detail === undefined ? {} : { detail }
    const startTime = start === undefined ? undefined : this.#timeOf(start)
    const endTime = end === undefined ? undefined : this.#timeOf(end)
    if (duration === undefined) return { startTime: startTime ?? 0, endTime: endTime ?? now(), ...given }
    if (startTime !== undefined) return { startTime, endTime: startTime + duration, ...given }
    return { startTime: (endTime ?? now()) - duration, endTime: endTime ?? now(), ...given }
  }

  #timeOf(given: unknown): number {
    if (typeof given === 'number') {
      if (given < 0) throw new TypeError('a time must not be negative')
      return given
    }
    const found = this.#entries.findLast((entry) => entry.entryType === 'mark' && entry.name === String(given))
    if (found === undefined) throw new DOMException(`there is no mark ${String(given)}`, 'SyntaxError')
    return found.startTime
  }
}

asInterface(PerformanceEntry, 'PerformanceEntry')
asInterface(PerformanceMark, 'PerformanceMark')
asInterface(PerformanceMeasure, 'PerformanceMeasure')
asInterface(Performance, 'Performance')

export const performance = new Performance(MINE)
export { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure }
