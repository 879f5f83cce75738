/** Values as a person reads them, in the manner of Node's util.inspect. */

const DEPTH = 2
const ENTRIES_MAX = 100
const STRING_MAX = 10_000
const LINE_WIDTH = 76
const WRAPPERS: readonly Function[] = [Boolean, Number, String]
const NAME = /^[A-Za-z_$][\w$]*$/
/** A method of this name says how its object is shown (Node: util.inspect.custom). */
const CUSTOM = Symbol.for('nodejs.util.inspect.custom')

/** The arguments of one console call; `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`, `%c` in the first take the next ones. */
export function format(data: readonly unknown[]): string {
  const [first, ...others] = data
  if (typeof first !== 'string') return data.map(shown).join(' ')
  const text = first.replace(/%([sdifjoOc%])/g, (written, letter: string) => {
    if (letter === '%') return others.length === data.length - 1 && data.length === 1 ? '%%' : '%'
    if (others.length === 0) return written
    const value = others.shift()
    if (letter === 's') return typeof value === 'string' ? value : inspect(value, 0)
    if (letter === 'c') return ''
    if (letter === 'j') return jsonOf(value)
    if (letter === 'o' || letter === 'O') return inspect(value, letter === 'o' ? 4 : undefined)
    return numberOf(letter, value)
  })
  return [text, ...others.map(shown)].join(' ')
}

function numberOf(letter: string, value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol' || (typeof value === 'object' && value !== null)) return 'NaN'
  if (letter === 'i') return String(Number.parseInt(String(value), 10))
  return String(letter === 'f' ? Number.parseFloat(String(value)) : Number(value))
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'undefined'
  } catch {
    return '[Circular]'
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value)
}

/** Never throws, whatever a guest's getters and proxies do. */
export function inspect(value: unknown, depth = DEPTH): string {
  try {
    return show(value, { depth, level: 0, above: [] })
  } catch {
    return '[a value that cannot be shown]'
  }
}

interface Place {
  readonly depth: number
  readonly level: number
  /** The objects that this one lies in. */
  readonly above: readonly object[]
}

function show(value: unknown, place: Place): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return showFunction(value, place)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (place.above.includes(value)) return '[Circular *1]'
  return showObject(value, place)
}

function quoted(text: string): string {
  const cut = text.slice(0, STRING_MAX)
  const more = text.length > STRING_MAX ? `... ${text.length - STRING_MAX} more characters` : ''
  const mark = !cut.includes("'") ? "'" : !cut.includes('"') ? '"' : !cut.includes('`') ? '`' : "'"
  const escaped = JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"')
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark + more
}

function showFunction(value: Function, place: Place): string {
  const isClass = /^class[\s{]/.test(Function.prototype.toString.call(value))
  const name = typeof value.name === 'string' && value.name !== '' ? value.name : '(anonymous)'
  const head = isClass ? `[class ${name}]` : `[${constructorName(value) || 'Function'}: ${name}]`
  const members = propertiesOf(value, place)
  return members.length === 0 ? head : braced(`${head} `, members, place.level)
}

function constructorName(value: object): string | undefined {
  for (let owner: object | null = value; owner !== null; owner = Reflect.getPrototypeOf(owner)) {
    const constructor: unknown = Reflect.getOwnPropertyDescriptor(owner, 'constructor')?.value
    if (typeof constructor === 'function' && constructor.name !== '') return constructor.name
  }
  return undefined
}

function showObject(value: object, place: Place): string {
  const custom: unknown = Reflect.get(value, CUSTOM)
  if (typeof custom === 'function') {
    const made: unknown = Reflect.apply(custom, value, [place.depth - place.level, {}, inspect])
    if (made !== value) return typeof made === 'string' ? made : show(made, place)
  }
  const name = constructorName(value)
  const prefix = name === undefined ? '[Object: null prototype] ' : name === 'Object' ? '' : `${name} `
  const plain = showWhole(value, place, prefix)
  if (plain !== undefined) return plain
  if (place.level > place.depth)
    return Array.isArray(value) ? '[Array]' : `[${(name ?? 'Object: null prototype').trim()}]`
  const inside: Place = { depth: place.depth, level: place.level + 1, above: [...place.above, value] }
  if (Array.isArray(value)) {
    const head = name === 'Array' ? '' : `${prefix.trim()}(${value.length}) `
    return bracketed(head, [...showItems(value, inside), ...propertiesOf(value, inside)], place.level)
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const items = value as Uint8Array
    return bracketed(`${name ?? 'TypedArray'}(${items.length}) `, showItems(items, inside), place.level)
  }
  return showEntries(value, inside, prefix, place.level)
}

function showEntries(value: object, inside: Place, prefix: string, level: number): string {
  const members = propertiesOf(value, inside)
  if (value instanceof Map) {
    const pairs = [...value].slice(0, ENTRIES_MAX).map(([key, held]) => `${show(key, inside)} => ${show(held, inside)}`)
    return braced(`${prefix.trim()}(${value.size}) `, [...pairs, ...more(value.size), ...members], level)
  }
  if (value instanceof Set) {
    const items = [...value].slice(0, ENTRIES_MAX).map((held) => show(held, inside))
    return braced(`${prefix.trim()}(${value.size}) `, [...items, ...more(value.size), ...members], level)
  }
  return braced(tagged(value, prefix), [...accessorsOf(value, inside), ...members], level)
}

/** What is shown whole, whatever the depth. */
function showWhole(value: object, place: Place, prefix: string): string | undefined {
  if (value instanceof Error) return showError(value, place)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp) return RegExp.prototype.toString.call(value)
  if (value instanceof Promise) return 'Promise { … }'
  if (value instanceof WeakMap || value instanceof WeakSet) return `${prefix}{ <items unknown> }`
  if (WRAPPERS.some((wrapper) => value instanceof wrapper)) {
    return `[${prefix.trim()}: ${show(value.valueOf(), place)}]`
  }
  if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`
  return undefined
}

function showError(error: Error, place: Place): string {
  const stack = typeof error.stack === 'string' && error.stack !== '' ? error.stack : undefined
  const head = stack ?? `[${error.name}: ${error.message}]`
  const inside: Place = { depth: place.depth, level: place.level + 1, above: [...place.above, error] }
  const members = propertiesOf(error, inside).filter((member) => !/^(stack|message|name): /.test(member))
  if (Object.hasOwn(error, 'cause') && !Object.keys(error).includes('cause')) {
    members.push(`[cause]: ${show(error.cause, inside)}`)
  }
  return members.length === 0 ? head : braced(`${head} `, members, place.level, true)
}

function tagged(value: object, prefix: string): string {
  const tag: unknown = Reflect.get(value, Symbol.toStringTag)
  if (typeof tag !== 'string' || tag === '' || prefix.trim() === tag) return prefix
  return `${prefix === '' ? 'Object ' : prefix}[${tag}] `
}

/** Interfaces of the platform keep their values behind getters of their prototypes. */
function accessorsOf(value: object, inside: Place): string[] {
  const prototype = Reflect.getPrototypeOf(value)
  const isInterface = prototype !== null && Object.hasOwn(prototype, Symbol.toStringTag)
  if (!isInterface) return []
  return Object.keys(prototype).flatMap((key) => {
    const getter = Reflect.getOwnPropertyDescriptor(prototype, key)?.get
    if (getter === undefined) return []
    const held: unknown = Reflect.apply(getter, value, [])
    return [`${key}: ${typeof held === 'object' && held !== null ? briefly(held) : show(held, inside)}`]
  })
}

function briefly(value: object): string {
  return `[${constructorName(value) ?? 'Object'}]`
}

function showItems(items: ArrayLike<unknown>, inside: Place): string[] {
  const made: string[] = []
  let holes = 0
  const flush = (): void => {
    if (holes > 0) made.push(`<${holes} empty item${holes === 1 ? '' : 's'}>`)
    holes = 0
  }
  for (let at = 0; at < items.length && made.length < ENTRIES_MAX; at += 1) {
    if (!(at in items)) {
      holes += 1
      continue
    }
    flush()
    made.push(show(items[at], inside))
  }
  flush()
  return [...made, ...more(items.length)]
}

function more(length: number): string[] {
  const hidden = length - ENTRIES_MAX
  return hidden > 0 ? [`... ${hidden} more item${hidden === 1 ? '' : 's'}`] : []
}

function propertiesOf(value: object, inside: Place): string[] {
  const isIndexed = Array.isArray(value) || ArrayBuffer.isView(value)
  const keys = Reflect.ownKeys(value).filter((key) => {
    if (isIndexed && typeof key === 'string' && (/^\d+$/.test(key) || key === 'length')) return false
    return Reflect.getOwnPropertyDescriptor(value, key)?.enumerable === true
  })
  return [...keys.slice(0, ENTRIES_MAX).map((key) => showProperty(value, key, inside)), ...more(keys.length)]
}

function showProperty(value: object, key: string | symbol, inside: Place): string {
  const found = Reflect.getOwnPropertyDescriptor(value, key)
  const name = typeof key === 'symbol' ? `[${String(key)}]` : NAME.test(key) ? key : quoted(key)
  if (found?.get !== undefined) return `${name}: [Getter${found.set === undefined ? '' : '/Setter'}]`
  if (found?.set !== undefined) return `${name}: [Setter]`
  return `${name}: ${show(found?.value, inside)}`
}

function braced(head: string, members: readonly string[], level: number, alwaysBroken = false): string {
  return `${head}${enclosed('{', members, '}', level, alwaysBroken)}`
}

function bracketed(head: string, members: readonly string[], level: number): string {
  return `${head}${enclosed('[', members, ']', level, false)}`
}

function enclosed(open: string, members: readonly string[], close: string, level: number, broken: boolean): string {
  if (members.length === 0) return open + close
  const line = `${open} ${members.join(', ')} ${close}`
  if (!broken && line.length + level * 2 <= LINE_WIDTH && !line.includes('\n')) return line
  const indent = '  '.repeat(level + 1)
  return `${open}\n${indent}${members.join(`,\n${indent}`)}\n${'  '.repeat(level)}${close}`
}
