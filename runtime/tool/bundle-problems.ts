/** What the bundler says, told about the files that a person wrote. */

import type { Message } from 'esbuild'
import type { Problem } from '../errors.ts'
import { BUNDLE_PROBLEMS_MAX } from '../limits.ts'

/** A line longer than this is generated code; quoting it helps nobody. */
const SOURCE_LINE_MAX = 240

/**
 * Problems of the definition's own files quote their line; those inside packages name the place alone.
 * `displayFolder` is put before the definition's paths; `importedBy` names who brought a package in.
 */
export function problemsOf(
  messages: readonly Message[],
  displayFolder: string,
  importedBy: (virtualName: string) => string | undefined,
): readonly Problem[] {
  return messages
    .slice(0, BUNDLE_PROBLEMS_MAX)
    .map((message) => problemOf(message, displayFolder, importedBy))
    .toSorted(
      (left, right) => compareNames(left.file, right.file) || left.line - right.line || left.column - right.column,
    )
}

function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function problemOf(
  message: Message,
  displayFolder: string,
  importedBy: (virtualName: string) => string | undefined,
): Problem {
  const { location } = message
  const name = location?.file ?? ''
  const isOwn = name.startsWith('tool:')
  // Only files that the plugin handed over are spoken of; anything else would be one that esbuild found by itself.
  if (!isOwn && !name.startsWith('npm:')) {
    return { file: displayFolder, line: 1, column: 1, message: 'the bundler was led to a file that it was not given' }
  }
  const importer = isOwn ? undefined : importedBy(name)
  const hints = [hintOf(message), importer === undefined ? undefined : `It is brought in by ${importer}.`]
  const hint = hints.filter((part) => part !== undefined).join(' ')
  const line = location?.lineText ?? ''
  return {
    file: isOwn ? displayFolder + name.slice('tool:'.length) : name,
    line: location?.line ?? 1,
    column: columnOf(line, location?.column ?? 0),
    message: message.text,
    ...(hint === '' ? {} : { hint }),
    ...(isOwn && line !== '' && line.length <= SOURCE_LINE_MAX ? { source: line } : {}),
  }
}

function hintOf(message: Message): string | undefined {
  const detail: unknown = message.detail
  if (typeof detail !== 'object' || detail === null || !('hint' in detail)) return undefined
  return typeof detail.hint === 'string' ? detail.hint : undefined
}

/** The bundler counts UTF-8 bytes from 0; people count characters from 1. */
function columnOf(line: string, byteColumn: number): number {
  const before = new TextEncoder().encode(line).subarray(0, byteColumn)
  return Array.from(new TextDecoder().decode(before)).length + 1
}
