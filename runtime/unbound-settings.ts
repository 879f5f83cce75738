/**
 * How a setting stands in a definition that was read without values, and back: `definition/settings.ts` puts `$name`,
 * or `name.setting` for a host, because `${name}` is no part of a path rule and no host.
 */
import type { AgentDefinition } from './definition/definition.ts'

const MARK = /\$([a-z][a-z0-9_]*)|(?<=\/\/)([a-z][a-z0-9-]*)\.setting(?![\w.-])/g

/** Every setting of the text in the form that a person wrote, `${name}`. */
export function asWritten(definition: AgentDefinition, text: string): string {
  const names = namesOf(definition)
  return text.replace(MARK, (...match: readonly string[]) => {
    const name = nameOf(match)
    return names.has(name) ? `\${${name}}` : match[0]!
  })
}

/** Whether a setting stands in the text, which so is no rule and no question yet. */
export function holdsUnbound(definition: AgentDefinition, text: string): boolean {
  const names = namesOf(definition)
  return [...text.matchAll(MARK)].some((match) => names.has(nameOf(match)))
}

function namesOf({ settings }: AgentDefinition): ReadonlySet<string> {
  return new Set(['user', ...settings.map(({ name }) => name)])
}

function nameOf([, name, host = '']: readonly (string | undefined)[]): string {
  return name ?? host.replaceAll('-', '_')
}
