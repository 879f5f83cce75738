/** What an agent may do, in words that a security reviewer can sign; the surprising first. */
import type { AgentDefinition, ToolEntry } from './definition/definition.ts'
import type { Grant } from './policy/grant.ts'

/** A tool with its grant as a run would have it. */
export interface CheckedTool {
  readonly entry: ToolEntry
  readonly grant: Grant
}

/** Lines without line breaks, ready for a terminal; the same definition always gives the same lines. */
export function rightsInWords(definition: AgentDefinition, tools: readonly CheckedTool[]): readonly string[] {
  return [definition.name, ...tools.map(({ entry }) => `  ${entry.name}`)]
}
