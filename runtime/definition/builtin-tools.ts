/**
 * What the tools that come with run-agent need. Their own manifests say the same, but are read in an isolate; this
 * table lets a definition be checked without one.
 */

import type { PathRight } from '../policy/grant.ts'

export type ToolRight = PathRight | 'git' | 'http'

export interface BuiltinTool {
  /** The most it could use; any other right in a definition could never take effect. */
  readonly needs: readonly ToolRight[]
  /** What it cannot work without. */
  readonly requires: readonly ToolRight[]
}

export const BUILTIN_TOOLS = {
  list_files: { needs: ['read'], requires: ['read'] },
  read_file: { needs: ['read'], requires: ['read'] },
  search_files: { needs: ['read'], requires: ['read'] },
  write_file: { needs: ['write'], requires: ['write'] },
  edit_file: { needs: ['read', 'write'], requires: ['read', 'write'] },
  git_log: { needs: ['git'], requires: ['git'] },
  git_changes: { needs: ['git', 'read'], requires: ['git', 'read'] },
  fetch_url: { needs: ['http'], requires: ['http'] },
  download_file: { needs: ['http', 'write'], requires: ['http', 'write'] },
} as const satisfies Readonly<Record<string, BuiltinTool>>

export type BuiltinToolName = keyof typeof BUILTIN_TOOLS

export const BUILTIN_TOOL_NAMES = Object.keys(BUILTIN_TOOLS)

export function isBuiltinTool(name: string): name is BuiltinToolName {
  return Object.hasOwn(BUILTIN_TOOLS, name)
}
