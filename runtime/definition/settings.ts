/**
 * Settings: values that differ by run, place or user. A value comes from the operator or the command line, is bound
 * before anything is compiled, and stands for exactly one segment: nothing in it can widen a rule.
 */
import { isMap } from 'yaml'
import { SETTING_PATTERN_LENGTH_MAX, SETTING_VALUE_LENGTH_MAX } from '../limits.ts'
import { escapeGlob } from '../policy/path-rule.ts'
import type { Setting } from './definition.ts'
import { SETTING_KEYS } from './keys.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'
import { didYouMean } from './suggest.ts'

/** What the person who runs an agent brings along. */
export interface SettingValues {
  readonly user: string
  /** `--set`: wins. */
  readonly given: ReadonlyMap<string, string>
  /** The operator's configuration. */
  readonly configured: ReadonlyMap<string, string>
  /**
   * Whether the whole value matches. A definition's expression may be built to take for ever, so this ends by itself;
   * undefined then.
   */
  readonly matchesWhole: (pattern: string, value: string) => boolean | undefined
}

/** What a setting may stand for in a rule, and how it is written there. */
export type SettingPart = 'name' | 'host' | 'segment' | 'query' | 'header' | 'text'

const SETTING_NAME = /^[a-z][a-z0-9_]*$/

/** The run's user, in every definition. */
const USER = 'user'

export class Settings {
  readonly list: readonly Setting[]
  readonly #reader: NodeReader
  /** Undefined for a setting that has none: where the definition is read without values, or a problem was noted. */
  readonly #values = new Map<string, string | undefined>()

  /** `values` undefined: settings stand as `$name`, so that a definition can be shown and locked without them. */
  constructor(reader: NodeReader, field: Field | undefined, values: SettingValues | undefined) {
    this.#reader = reader
    this.#values.set(USER, values?.user)
    const entries = field === undefined ? [] : (reader.entries(field) ?? [])
    if (field !== undefined && isMap(field.value) && entries.length === 0) {
      reader.problems.add(field.at, '`settings` is empty')
    }
    this.list = entries.flatMap((entry) => this.#read(entry, values))
    const names = this.list.map(({ name }) => name)
    for (const name of values?.given.keys() ?? []) {
      if (this.#values.has(name) && name !== USER) continue
      const hint = name === USER ? '--user names the user' : didYouMean(name, names)
      reader.problems.add(field?.at ?? 0, `--set names ${quoted(name)}, which is no setting of this definition`, hint)
    }
  }

  /**
   * The text with every `${name}` replaced. `isWhole` tells where one may stand: it gets what comes before and after
   * it. Undefined if a problem was noted, at `at + index`.
   */
  expand(
    text: string,
    part: SettingPart,
    at: (index: number) => number,
    isWhole: (before: string, after: string) => boolean = () => true,
  ): string | undefined {
    let result = ''
    let rest = 0
    let isGood = true
    for (const match of placeholdersIn(text)) {
      const [whole, name] = match
      const { index } = match
      const end = index + whole.length
      const refuse = (message: string, hint?: string): void => {
        isGood = false
        this.#reader.problems.add(at(index), message, hint)
      }
      if (name === undefined) refuse(`${quoted(whole)} names no setting`, 'write ${name}; \\$ is a dollar sign')
      else if (!this.#values.has(name)) {
        refuse(
          `there is no setting ${quoted(name)}`,
          didYouMean(name, [...this.#values.keys()]) ?? 'list it under `settings`',
        )
      } else if (!isWhole(text.slice(0, index), text.slice(end))) {
        refuse(`${quoted(whole)} must be a whole segment, or one up to its extension`)
      } else {
        const value = this.#values.get(name)
        const why = value === undefined ? undefined : unfit(value, part)
        if (why !== undefined) refuse(`the value of ${quoted(name)} ${why}`)
        result += text.slice(rest, index) + (value === undefined ? unbound(name, part) : written(value, part))
      }
      rest = end
    }
    return isGood ? result + text.slice(rest) : undefined
  }

  #read(entry: Field, values: SettingValues | undefined): readonly Setting[] {
    const { problems } = this.#reader
    const name = entry.key
    if (!SETTING_NAME.test(name) || name === USER) {
      const hint = name === USER ? '${user} is the user of the run' : undefined
      problems.add(entry.at, `the setting name ${quoted(name)} must be lower-case letters, digits and \`_\``, hint)
      return []
    }
    this.#values.set(name, undefined)
    const fields = this.#reader.section(entry, SETTING_KEYS, 'a setting')
    if (fields === undefined) return []
    const [rule, second] = fields.values()
    if (rule === undefined || second !== undefined) {
      problems.add(entry.at, `${quoted(name)} must have exactly one of \`pattern\` and \`oneOf\``)
      return []
    }
    const accepts = rule.key === 'pattern' ? this.#readPattern(rule, values) : this.#readChoices(rule)
    const value = accepts === undefined ? undefined : this.#valueOf(entry, values, accepts)
    this.#values.set(name, value)
    return [{ name, value, place: problems.placeOf(entry.at) }]
  }

  #readPattern(field: Field, values: SettingValues | undefined): Accepts | undefined {
    const pattern = this.#reader.text(field)
    if (pattern === undefined) return undefined
    const refuse = (message: string): undefined => void this.#reader.problems.add(field.valueAt, message)
    if (pattern.length > SETTING_PATTERN_LENGTH_MAX) {
      return refuse(`\`pattern\` has at most ${SETTING_PATTERN_LENGTH_MAX} characters`)
    }
    try {
      RegExp(pattern, 'u')
    } catch {
      return refuse('`pattern` is no regular expression (with the flag u)')
    }
    return (value) => {
      const isMatch = values?.matchesWhole(pattern, value)
      return isMatch === undefined
        ? 'could not be compared with the pattern in time'
        : isMatch || 'does not match the whole pattern'
    }
  }

  #readChoices(field: Field): Accepts | undefined {
    const choices = (this.#reader.items(field) ?? []).flatMap((item) => {
      const text = this.#reader.text(item)
      const why = text === undefined ? undefined : unfit(text, 'text')
      if (why !== undefined) this.#reader.problems.add(item.valueAt, `this value ${why}`)
      return text === undefined ? [] : [text]
    })
    if (new Set(choices).size < choices.length) this.#reader.problems.add(field.at, '`oneOf` names a value twice')
    return (value) => choices.includes(value) || `must be one of ${choices.map((choice) => quoted(choice)).join(', ')}`
  }

  #valueOf(entry: Field, values: SettingValues | undefined, accepts: Accepts): string | undefined {
    if (values === undefined) return undefined
    const name = entry.key
    const refuse = (message: string, hint?: string): undefined =>
      void this.#reader.problems.add(entry.at, message, hint)
    const isGiven = values.given.has(name)
    const value = values.given.get(name) ?? values.configured.get(name)
    if (value === undefined) {
      return refuse(
        `the setting ${quoted(name)} has no value`,
        `give one with --set ${name}=…, or in the operator's \`settings\``,
      )
    }
    const source = isGiven ? `--set ${name}` : `the operator's setting ${quoted(name)}`
    const verdict = unfit(value, 'text') ?? accepts(value)
    return verdict === true ? value : refuse(`${source} ${String(verdict)}`)
  }
}

type Accepts = (value: string) => true | string

/** `${…}` that no `\` takes literally, closed or not. */
function placeholdersIn(text: string): readonly (RegExpExecArray & { readonly 1?: string })[] {
  return [...text.matchAll(/\\[^]|\$\{(?:([a-z][a-z0-9_]*)\}|[^}]{0,40}\}?)/gu)].filter(([whole]) =>
    whole.startsWith('$'),
  )
}

/** Whether a setting stands for a whole segment of a path, or for all of it before its extension. */
export function isWholeSegment(before: string, after: string): boolean {
  return /(?:^|\/)$/.test(before) && /^(?:\.[^/$]*)?(?:$|\/)/.test(after)
}

/** Why a value can stand nowhere, or not there. */
function unfit(value: string, part: SettingPart): string | undefined {
  if (value === '') return 'is empty'
  if (value.length > SETTING_VALUE_LENGTH_MAX) return `has more than ${SETTING_VALUE_LENGTH_MAX} characters`
  if (value === '.' || value === '..') return 'is `.` or `..`, which names another folder'
  if (/[/*\\]/.test(value)) return 'holds `/`, `\\` or `*`'
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(value)) return 'holds an invisible character'
  if (value.trim() !== value) return 'begins or ends with a space'
  if (part === 'host' && !/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(value)) return 'is no host name in lower case'
  if (part === 'header' && !/^[\x20-\x7e]+$/.test(value)) return 'holds a character that no header may hold'
  return undefined
}

function written(value: string, part: SettingPart): string {
  if (part === 'name') return escapeGlob(value)
  return part === 'segment' || part === 'query' ? encodeURIComponent(value) : value
}

/** What stands for a setting where there are no values. */
function unbound(name: string, part: SettingPart): string {
  return part === 'host' ? `${name.replaceAll('_', '-')}.setting` : `$${name}`
}

/** `${name}` for a whole constant; any other text as it is. */
export function isConstantSetting(value: unknown): value is string {
  return typeof value === 'string' && /^\$\{[a-z][a-z0-9_]*\}$/.test(value)
}
