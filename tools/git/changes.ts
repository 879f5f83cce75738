/** What a commit or a range changed, page by page: the result of the tool `git_changes`. */
import { lstat } from 'node:fs/promises'
import { BLOB_BYTES_MAX, readBlob } from './blob.ts'
import type { Blob } from './blob.ts'
import type { HostCalls } from './blocks.ts'
import { diffLines, splitLines } from './line-diff.ts'
import { fileName } from './names.ts'
import type { ObjectStore } from './objects.ts'
import type { FileChange } from './renames.ts'
import { kindOf } from './tree.ts'
import type { EntryKind, TreeFile } from './tree.ts'

export interface AddedLine {
  /** In the new text, from 1. */
  readonly line: number
  readonly text: string
}

type ChangeStatus = 'added' | 'modified' | 'deleted' | 'renamed' | 'typechange'

export interface ChangedFile {
  readonly path: string
  readonly oldPath?: string
  readonly status: ChangeStatus
  readonly kind: EntryKind
  readonly binary: boolean
  /** Of the new content; of the old one where the file was deleted. */
  readonly bytes: number
  /** Present where the content was too large to look at. */
  readonly tooLarge?: true
  /** Present where a shallow or partial clone lacks the content. */
  readonly missing?: true
  /** Present where the name is no UTF-8 or no possible path; the content was not looked at. */
  readonly invalidName?: true
  /** Present unless it is the ordinary 100644. */
  readonly mode?: string
  readonly oldMode?: string
  readonly added: readonly AddedLine[]
  /** How many lines are gone. */
  readonly removed: number
  /** Present where moved lines may be among the added ones. */
  readonly approximate?: true
  /** Present where lines or the content were left out because the result would have been too large. */
  readonly truncated?: true
  readonly content?: string
}

export interface PageRequest {
  readonly from: number
  readonly limit: number
  readonly content: boolean
}

export interface Page {
  readonly files: readonly ChangedFile[]
  readonly hidden: number
  readonly next: number | undefined
}

/** The host takes 1 MB; the page stops well before. */
const PAGE_BYTES_MAX = 700_000

/** One file may fill at most this much of a page that is otherwise empty. */
const FILE_BYTES_MAX = 600_000

/** A longer line is no one's handwriting; its start is enough to point at. */
const LINE_CHARS_MAX = 4_000

/** The host takes 10,000 calls; what the last files of a page need must still fit. */
const CALLS_MAX = 7_500

/** Files asked about and read at once, and what their contents may weigh together. */
const TOGETHER = 16
const TOGETHER_BYTES_MAX = 2 * 1024 * 1024

/** What a file is taken to weigh when nothing is known of it. */
const UNKNOWN_BYTES = 128 * 1024

interface Candidate {
  readonly change: FileChange
  readonly path: string
  readonly oldPath: string | undefined
  readonly valid: boolean
  /** Today's size of the file, which tells whether it is safe to read it in one piece. */
  readonly sizeNow: number | undefined
}

export async function readPage(
  objects: ObjectStore,
  calls: HostCalls,
  changes: readonly FileChange[],
  request: PageRequest,
): Promise<Page> {
  const end = Math.min(changes.length, request.from + request.limit)
  const files: ChangedFile[] = []
  let hidden = 0
  let size = 0
  for (let at = request.from; at < end;) {
    if (calls.count > CALLS_MAX && at > request.from) return { files, hidden, next: at }
    const candidates = await Promise.all(
      changes.slice(at, Math.min(end, at + TOGETHER)).map((change) => probe(change, calls)),
    )
    for (const group of groupBySize(candidates)) {
      const read = await Promise.all(group.map((candidate) => readChange(objects, candidate, request.content)))
      for (const file of read) {
        const bytes = file === undefined ? 0 : Buffer.byteLength(JSON.stringify(file)) + 1
        if (size + bytes > PAGE_BYTES_MAX && files.length > 0) return { files, hidden, next: at }
        if (file === undefined) hidden += 1
        else files.push(file)
        size += bytes
        at += 1
      }
    }
  }
  return { files, hidden, next: end < changes.length ? end : undefined }
}

/** Asks whether the read rules permit the path; undefined if they do not. The file may long be gone. */
async function probe(change: FileChange, calls: HostCalls): Promise<Candidate | undefined> {
  const { path, valid } = fileName(change.rawPath)
  const now = await ask(path, valid, calls)
  if (now === 'denied') return undefined
  const old = change.rawOldPath === undefined ? undefined : fileName(change.rawOldPath)
  const oldDenied = old !== undefined && (!old.valid || (await ask(old.path, old.valid, calls)) === 'denied')
  const shown = oldDenied ? { rawPath: change.rawPath, before: undefined, after: change.after } : change
  return { change: shown, path, oldPath: oldDenied ? undefined : old?.path, valid, sizeNow: now.size }
}

async function ask(path: string, valid: boolean, calls: HostCalls): Promise<'denied' | { size: number | undefined }> {
  // A name that is no path here is asked about as a file of the same folder; what it may be called is unknown.
  const asked = valid
    ? path
    : path
        .split('/')
        .map((part) => (/^(?:|\.{1,2}|\.git)$/i.test(part) ? '_' : part))
        .join('/')
  calls.count += 1
  try {
    return { size: (await lstat(asked)).size }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    const gone = code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG'
    return gone && thrown instanceof Error && thrown.name !== 'Denied' ? { size: undefined } : 'denied'
  }
}

function groupBySize(candidates: readonly (Candidate | undefined)[]): (Candidate | undefined)[][] {
  const groups: (Candidate | undefined)[][] = []
  let weight = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const bytes = candidate === undefined ? 0 : Math.min(candidate.sizeNow ?? UNKNOWN_BYTES, BLOB_BYTES_MAX)
    weight += bytes
    if (weight > TOGETHER_BYTES_MAX) {
      groups.push([])
      weight = bytes
    }
    groups.at(-1)?.push(candidate)
  }
  return groups
}

function statusOf({ before, after, rawOldPath }: FileChange): ChangeStatus {
  if (before === undefined) return 'added'
  if (after === undefined) return 'deleted'
  if (rawOldPath !== undefined) return 'renamed'
  return kindOf(before) === kindOf(after) ? 'modified' : 'typechange'
}

async function readChange(
  objects: ObjectStore,
  candidate: Candidate | undefined,
  withContent: boolean,
): Promise<ChangedFile | undefined> {
  if (candidate === undefined) return undefined
  const { change, path, oldPath, valid } = candidate
  const { before, after } = change
  const shown = after ?? before
  if (shown === undefined) return undefined
  const small = candidate.sizeNow !== undefined && candidate.sizeNow <= BLOB_BYTES_MAX
  const read = async (file: TreeFile | undefined): Promise<Blob | undefined> =>
    file === undefined || !valid || kindOf(file) === 'submodule'
      ? undefined
      : readBlob(objects, file.oid, BLOB_BYTES_MAX, small)
  const unchanged = before !== undefined && before.oid === after?.oid
  const now = await read(after)
  // Where the new content cannot be compared, the old one tells nothing.
  const old = unchanged ? now : now === undefined || now.kind === 'text' ? await read(before) : undefined
  const told = after === undefined ? old : now
  const facts = {
    path,
    ...(oldPath === undefined ? {} : { oldPath }),
    status: statusOf(change),
    kind: kindOf(shown),
    binary: now?.kind === 'binary' || old?.kind === 'binary',
    bytes: told === undefined || told.kind === 'missing' ? 0 : told.bytes,
    ...(now?.kind === 'too large' || old?.kind === 'too large' ? { tooLarge: true as const } : {}),
    ...(now?.kind === 'missing' || old?.kind === 'missing' ? { missing: true as const } : {}),
    ...(valid ? {} : { invalidName: true as const }),
    ...(shown.mode === '100644' ? {} : { mode: shown.mode }),
    ...(before === undefined || after === undefined || before.mode === after.mode ? {} : { oldMode: before.mode }),
  }
  return fitted({ ...facts, ...linesOf(old, now), ...contentOf(now, withContent) })
}

/** Lines are compared only between two texts; a side that is not there is an empty one. */
function linesOf(
  old: Blob | undefined,
  now: Blob | undefined,
): Pick<ChangedFile, 'added' | 'removed'> & { approximate?: true } {
  const comparable = (blob: Blob | undefined): boolean => blob === undefined || blob.kind === 'text'
  if (!comparable(old) || !comparable(now)) return { added: [], removed: 0 }
  const before = old?.kind === 'text' ? splitLines(old.text) : []
  const after = now?.kind === 'text' ? splitLines(now.text) : []
  const diff = diffLines(before, after)
  const added = diff.added.map((at): AddedLine => {
    const text = (after[at] ?? '').replace(/\r?\n$/, '')
    return { line: at + 1, text: text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX)}…` : text }
  })
  return { added, removed: diff.removed, ...(diff.approximate ? { approximate: true as const } : {}) }
}

function contentOf(now: Blob | undefined, withContent: boolean): { content?: string } {
  return withContent && now?.kind === 'text' ? { content: now.text } : {}
}

/** Drops first the content, then the last of the added lines, until the file fits a page. */
function fitted(file: ChangedFile): ChangedFile {
  const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
  if (sizeOf(file) <= FILE_BYTES_MAX) return file
  const { content: _, ...rest } = file
  let left = FILE_BYTES_MAX - sizeOf({ ...rest, added: [] })
  const added = rest.added.filter((line) => {
    if (left > 0) left -= sizeOf(line) + 1
    return left > 0
  })
  return { ...rest, added, truncated: true }
}
