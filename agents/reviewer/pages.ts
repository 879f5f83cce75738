/** All the pages of a change, one after another; no page is kept. */
import type { Call } from 'run-agent'
import type { ChangedFile } from '../../tools/git/changes.ts'
import type { Changes } from '../../tools/git_changes.ts'

/** A change of more pages is one that no one reads; what is left is said. */
const PAGES_MAX = 50

export interface Change {
  readonly commit: string
  readonly subject: string
  readonly range: Changes['range']
  readonly note: string | undefined
  readonly total: number
  readonly hidden: number
  /** Files after the last page that was read. */
  readonly unread: number
}

export async function readPages(call: Call, ref: string, look: (file: ChangedFile) => void): Promise<Change> {
  const first = await call<Changes>('git_changes', { ref, content: true })
  for (const file of first.files) look(file)
  // A branch may move while its pages are read; the commits it stood for do not.
  const fixed = /\.\./.test(ref) ? `${first.range.from ?? ''}..${first.range.to}` : first.commit
  let { hidden, next } = first
  for (let page = 1; next !== undefined && page < PAGES_MAX; page += 1) {
    const more: Changes = await call<Changes>('git_changes', { ref: fixed, content: true, from: next })
    for (const file of more.files) look(file)
    hidden += more.hidden
    next = more.next
  }
  return {
    commit: first.commit,
    subject: first.message.trimStart().split('\n')[0] ?? '',
    range: first.range,
    note: first.note,
    total: first.total,
    hidden,
    unread: next === undefined ? 0 : first.total - next,
  }
}
