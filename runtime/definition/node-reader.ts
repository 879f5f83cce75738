/** Reads typed values from the YAML tree. A reader notes the problem at its place and returns undefined. */

import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml'
import type { Node } from 'yaml'
import { printable } from '../printable.ts'
import type { ProblemList } from './problem-list.ts'
import { didYouMean } from './suggest.ts'

/** One value and what leads to it: a pair of a mapping, or an item of the list under `key`. */
export interface Field {
  readonly key: string
  /** Offset of the key, or of the item. */
  readonly at: number
  readonly value: Node | undefined
  readonly valueAt: number
}

export type Fields = ReadonlyMap<string, Field>

export interface KeyNames {
  readonly supported: readonly string[]
  /** Keys that the format has and this version does not; never ignored. */
  readonly unsupported: readonly string[]
}

/** Names in messages are cut: a key may be as long as the file. */
export function quoted(text: string): string {
  return `\`${printable(text.length > 60 ? `${text.slice(0, 60).toWellFormed()}…` : text)}\``
}

const FREE_KEY = 'x-'
const DECIMAL = /^(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/
const CONTROL_OR_BREAK = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const LONG_UNITS = { h: 3_600_000, d: 86_400_000 } as const
const MEGABYTE = 1024 ** 2
const SIZE_UNITS: Readonly<Record<string, number>> = { KB: 1024, MB: MEGABYTE, GB: 1024 * MEGABYTE }

export class NodeReader {
  readonly problems: ProblemList

  constructor(problems: ProblemList) {
    this.problems = problems
  }

  /** The pairs of a mapping in written order, repeated keys left out; nothing at all is empty. */
  entries(field: Field): readonly Field[] | undefined {
    if (isNothing(field.value)) return []
    if (!isMap(field.value)) return this.#wrongKind(field, 'a mapping')
    const seen = new Map<string, Field>()
    for (const pair of field.value.items) {
      const entry = this.#entry(pair.key, pair.value, field.valueAt)
      if (entry === undefined) continue
      const first = seen.get(entry.key)
      if (first === undefined) seen.set(entry.key, entry)
      else {
        const line = this.problems.lineOf(first.at)
        this.problems.add(entry.at, `${quoted(entry.key)} is written twice, first in line ${line}`)
      }
    }
    return [...seen.values()]
  }

  /** The pairs of a mapping whose keys are known; `x-…` keys are free and left out. */
  fields(field: Field, names: KeyNames, where: string): Fields | undefined {
    const entries = this.entries(field)?.filter(({ key }) => !key.startsWith(FREE_KEY))
    if (entries === undefined) return undefined
    const known = new Map<string, Field>()
    for (const entry of entries) {
      if (names.supported.includes(entry.key)) known.set(entry.key, entry)
      else if (names.unsupported.includes(entry.key)) this.unsupported(entry.at, entry.key)
      else {
        const hint = didYouMean(entry.key, [...names.supported, ...names.unsupported])
        this.problems.add(entry.at, `unknown key ${quoted(entry.key)} in ${where}`, hint)
      }
    }
    return known
  }

  /** As `fields`, of a mapping that without any key would be there for nothing. */
  section(field: Field, names: KeyNames, where: string): Fields | undefined {
    return holdsNothing(field.value) ? this.#empty(field) : this.fields(field, names, where)
  }

  unsupported(at: number, what: string): void {
    this.problems.add(at, `${quoted(what)} is not supported yet`)
  }

  /** The items of a list that is not empty. */
  items(field: Field): readonly Field[] | undefined {
    if (isNothing(field.value)) return this.#empty(field)
    if (!isSeq(field.value)) {
      const text = isScalar(field.value) && typeof field.value.value === 'string' ? field.value.value : undefined
      const isShort = text !== undefined && text.length <= 60
      return this.#wrongKind(field, 'a list', isShort ? `write [${JSON.stringify(text)}]` : undefined)
    }
    if (field.value.items.length === 0) return this.#empty(field)
    return field.value.items.map((item) => {
      const value = isNode(item) ? item : undefined
      const at = value?.range?.[0] ?? field.valueAt
      return { key: field.key, at, value, valueAt: at }
    })
  }

  /** Text that is not empty; on one line unless `lines` is given. */
  text(field: Field, options: { readonly lines?: boolean } = {}): string | undefined {
    if (isNothing(field.value)) return this.#empty(field)
    if (!isScalar(field.value)) return this.#wrongKind(field, 'text')
    const value = field.value.value
    if (typeof value !== 'string') return this.#wrongKind(field, 'text', 'put it in quotes')
    if (value.trim() === '') return this.#empty(field)
    if ((options.lines === true ? CONTROL : CONTROL_OR_BREAK).test(value) || !value.isWellFormed()) {
      this.problems.add(field.valueAt, `${quoted(field.key)} holds a control character or a line break`)
      return undefined
    }
    return value
  }

  /** `true`, for a key that says nothing when it is false. */
  flag(field: Field): true | undefined {
    if (isScalar(field.value) && field.value.value === true) return true
    return this.#rejected(field, 'must be true', 'leave it out where it does not hold')
  }

  integer(field: Field, min: number, max: number): number | undefined {
    return this.#decimal(field, min, max, 'a whole number', Number.isInteger)
  }

  number(field: Field, min: number, max: number): number | undefined {
    return this.#decimal(field, min, max, 'a number', Number.isFinite)
  }

  /** YAML has `0o17`, `0x10` and `1e3` as well, and to an older one `017` is 15: a limit is read in one way alone. */
  #decimal(
    field: Field,
    min: number,
    max: number,
    wanted: string,
    isWanted: (value: number) => boolean,
  ): number | undefined {
    const { value, source = '' } = isScalar(field.value) ? field.value : {}
    if (typeof value !== 'number' || !isWanted(value) || value < min || value > max) {
      return this.#rejected(field, `must be ${wanted} from ${min} to ${max}`)
    }
    if (DECIMAL.test(source)) return value
    const hint = DECIMAL.test(String(value)) ? `write ${value}` : undefined
    return this.#rejected(field, `must be in decimal digits, not ${quoted(source)}`, hint)
  }

  choice<Choice extends string>(
    field: Field,
    choices: readonly Choice[],
    unsupported: readonly string[] = [],
  ): Choice | undefined {
    const value = isScalar(field.value) ? field.value.value : undefined
    const choice = choices.find((candidate) => candidate === value)
    if (choice !== undefined) return choice
    if (typeof value !== 'string') return this.#rejected(field, `must be ${oneOf(choices)}`)
    if (unsupported.includes(value)) {
      this.unsupported(field.valueAt, `${field.key}: ${value}`)
      return undefined
    }
    return this.#rejected(field, `must be ${oneOf(choices)}`, didYouMean(value, choices))
  }

  /** Milliseconds of `500ms`, `5s`, `2m` or `1h`. */
  duration(field: Field, maxMs: number): number | undefined {
    const milliseconds = withUnit(field, DURATION_UNITS)
    if (milliseconds === undefined) return this.#rejected(field, 'must be a duration', 'write 500ms, 5s, 2m or 1h')
    if (milliseconds >= 1 && milliseconds <= maxMs) return milliseconds
    return this.#rejected(field, `must be a duration from 1ms to ${maxMs / 60_000}m`)
  }

  /** Milliseconds of `12h` or `30d`. */
  days(field: Field, minMs: number, maxMs: number): number | undefined {
    const milliseconds = withUnit(field, LONG_UNITS)
    if (milliseconds === undefined) return this.#rejected(field, 'must be hours or days', 'write 12h or 30d')
    if (milliseconds >= minMs && milliseconds <= maxMs) return milliseconds
    return this.#rejected(field, `must be from ${minMs / LONG_UNITS.h}h to ${maxMs / LONG_UNITS.d}d`)
  }

  /** Bytes of `512KB`, `32MB` or `1GB`. */
  size(field: Field, min: number, max: number): number | undefined {
    const bytes = withUnit(field, SIZE_UNITS)
    if (bytes === undefined) return this.#rejected(field, 'must be a size', 'write 512KB, 32MB or 1GB')
    if (bytes >= min && bytes <= max) return bytes
    return this.#rejected(field, `must be a size from ${min / MEGABYTE}MB to ${max / MEGABYTE}MB`)
  }

  #entry(key: unknown, value: unknown, mapAt: number): Field | undefined {
    const keyAt = isNode(key) ? (key.range?.[0] ?? mapAt) : mapAt
    if (isAlias(key)) return undefined
    if (!isScalar(key) || typeof key.value !== 'string') {
      this.problems.add(keyAt, 'a key must be text', isScalar(key) ? 'put it in quotes' : undefined)
      return undefined
    }
    const node = isNode(value) ? value : undefined
    return { key: key.value, at: keyAt, value: node, valueAt: node?.range?.[0] ?? keyAt }
  }

  #empty(field: Field): undefined {
    this.problems.add(field.at, `${quoted(field.key)} is empty`)
  }

  #wrongKind(field: Field, wanted: string, hint?: string): undefined {
    return this.#rejected(field, `must be ${wanted}, not ${kindOf(field.value)}`, hint)
  }

  #rejected(field: Field, message: string, hint?: string): undefined {
    // An alias has been reported already, and what it stands for is unknown.
    if (isAlias(field.value)) return
    this.problems.add(isNothing(field.value) ? field.at : field.valueAt, `${quoted(field.key)} ${message}`, hint)
  }
}

function isNothing(value: Node | undefined): boolean {
  return value === undefined || (isScalar(value) && value.value === null)
}

function holdsNothing(value: Node | undefined): boolean {
  if (!isMap(value)) return isNothing(value)
  return value.items.every(({ key }) => isScalar(key) && String(key.value).startsWith(FREE_KEY))
}

function withUnit(field: Field, units: Readonly<Record<string, number>>): number | undefined {
  const value = isScalar(field.value) ? field.value.value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^([0-9]{1,12})([A-Za-z]{1,2})$/.exec(value)
  const unit = units[match?.[2] ?? '']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

function oneOf(choices: readonly string[]): string {
  const names = choices.map((choice) => `\`${choice}\``)
  return names.length === 1 ? `${names[0]}` : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

function kindOf(value: Node | undefined): string {
  if (isMap(value)) return 'a mapping'
  if (isSeq(value)) return 'a list'
  if (!isScalar(value) || value.value === null) return 'nothing'
  if (typeof value.value === 'number') return 'a number'
  return typeof value.value === 'boolean' ? 'true or false' : 'text'
}
