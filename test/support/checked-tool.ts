/** A definition in a few lines, and its tools with the grants that a run would give them. */
import type { AgentDefinition } from '../../runtime/definition/definition.ts'
import { parseDefinition, type DefinitionInput } from '../../runtime/definition/parse.ts'
import type { CheckedTool } from '../../runtime/effective-rights.ts'
import type { Grant } from '../../runtime/policy/grant.ts'

export interface Checked {
  readonly definition: AgentDefinition
  readonly tools: readonly CheckedTool[]
}

/** `lines` follow `name` and `script`; the first of them is line 3. */
export function checkedOf(
  lines: string,
  options: Partial<Pick<Grant, 'ownFiles' | 'allowProtected'>> & Pick<DefinitionInput, 'values'> = {},
): Checked {
  const { ownFiles = [], allowProtected = [], values } = options
  const text = `name: a\nscript: ./s.ts\n${lines}\n`
  const definition = parseDefinition({
    file: 'a.yaml',
    text,
    allowProtected,
    isPublicSuffix: () => false,
    ...(values === undefined ? {} : { values }),
  })
  const tools = definition.tools.map((entry) => {
    const { name, paths, deny, git, http, redirects, headers } = entry
    return { entry, grant: { tool: name, paths, deny, git, http, redirects, headers, ownFiles, allowProtected } }
  })
  return { definition, tools }
}

/** The first tool of a definition that has one. */
export function firstTool({ tools }: Checked): CheckedTool {
  const [tool] = tools
  if (tool === undefined) throw new Error('the definition has no tool')
  return tool
}
