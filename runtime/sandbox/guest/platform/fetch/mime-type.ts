/** MIME types (WHATWG MIME Sniffing section 4.4). */

export interface MimeType {
  /** Type and subtype, in lower case. */
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const QUOTABLE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Undefined for what is no MIME type. */
export function parseMimeType(text: string): MimeType | undefined {
  const trimmed = text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
  const end = trimmed.indexOf(';')
  const essence = (end === -1 ? trimmed : trimmed.slice(0, end)).replace(/[\t\n\r ]+$/, '')
  const [type = '', subtype = '', ...others] = essence.split('/')
  if (others.length > 0 || !TOKEN.test(type) || !TOKEN.test(subtype)) return undefined
  return { essence: essence.toLowerCase(), parameters: end === -1 ? new Map() : parametersOf(trimmed, end) }
}

function parametersOf(text: string, start: number): Map<string, string> {
  const found = new Map<string, string>()
  const parameter = /;[\t\n\r ]*([^;=]*)(?:=(?:"((?:[^"\\]|\\[^])*)(?:"|$)[^;]*|([^;]*)))?/y
  parameter.lastIndex = start
  for (let match = parameter.exec(text); match !== null; match = parameter.exec(text)) {
    const name = (match[1] ?? '').toLowerCase()
    const value = match[2]?.replace(/\\([^])/g, '$1') ?? match[3]?.replace(/[\t\n\r ]+$/, '') ?? ''
    const isEmpty = match[2] === undefined && value === ''
    if (!isEmpty && TOKEN.test(name) && QUOTABLE.test(value) && !found.has(name)) found.set(name, value)
  }
  return found
}

export function serializeMimeType({ essence, parameters }: MimeType): string {
  return (
    essence +
    [...parameters]
      .map(([name, value]) => `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`}`)
      .join('')
  )
}
