/**
 * Reads for one bundle, each path once, and remembers every answer: what a later run must find unchanged to reuse
 * the bundle. Absence is an answer too, since adding a file can change what an import means.
 */

import { createHash } from 'node:crypto'
import { RunAgentError } from '../errors.ts'
import { BUNDLE_FILE_BYTES_MAX, BUNDLE_INPUT_BYTES_MAX, BUNDLE_LOOKUPS_MAX } from '../limits.ts'
import { treeAt } from './source-tree.ts'
import type { Place, SourceRead, Sources } from './source-tree.ts'

export interface BundleInput extends Place {
  /** SHA-256 of the bytes in hex, or why there are none: `absent` or `refused`. */
  readonly hash: string
  /** Where the bytes lie after links; empty if there are none. */
  readonly target: string
}

export interface SourceLedger {
  /** How many node_modules folders there are to look in. */
  readonly packageTrees: number
  read(place: Place): SourceRead
  /** Every path read so far, in a stable order. */
  inputs(): readonly BundleInput[]
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What the trees answer for a path, in the form that is remembered. */
export function inputAt(sources: Sources, place: Place): BundleInput {
  return inputOf(place, readSource(sources, place))
}

export function createSourceLedger(sources: Sources): SourceLedger {
  const answers = new Map<string, { readonly place: Place; readonly answer: SourceRead }>()
  let totalBytes = 0
  return {
    packageTrees: sources.packages.length,
    read(place) {
      const key = `${place.tree} ${place.path}`
      const known = answers.get(key)
      if (known !== undefined) return known.answer
      if (answers.size >= BUNDLE_LOOKUPS_MAX) {
        throw new RunAgentError('E_TOOL_LOAD', `its imports look at more than ${BUNDLE_LOOKUPS_MAX} paths`)
      }
      const answer = readSource(sources, place)
      answers.set(key, { place, answer })
      if (answer.type === 'file') totalBytes += answer.bytes.length
      if (totalBytes > BUNDLE_INPUT_BYTES_MAX) {
        throw new RunAgentError('E_TOOL_LOAD', `its sources are larger than ${BUNDLE_INPUT_BYTES_MAX} bytes together`)
      }
      return answer
    },
    inputs() {
      return [...answers]
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([, { place, answer }]) => inputOf(place, answer))
    },
  }
}

function readSource(sources: Sources, place: Place): SourceRead {
  return treeAt(sources, place.tree)?.read(place.path, BUNDLE_FILE_BYTES_MAX) ?? { type: 'absent' }
}

function inputOf({ tree, path }: Place, answer: SourceRead): BundleInput {
  if (answer.type !== 'file') return { tree, path, hash: answer.type, target: '' }
  return { tree, path, hash: sha256(answer.bytes), target: answer.path }
}
