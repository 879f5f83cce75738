/** A trail as somebody writes it who knows the format and computes every hash. */
import Database from 'better-sqlite3'
import { encodeData } from '../../runtime/audit/encode.ts'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import { Frontier, leafOf, NO_LEAF } from '../../runtime/audit/hash.ts'
import { openTrail } from './trail.ts'

export interface ForgedEvent extends Omit<StoredEvent, 'kind' | 'seq' | 'runSeq'> {
  readonly kind: string
  /** In place of the encoded data. */
  readonly text?: string
}

/** The runs' events in the order given; `bodies` beside those that their data needs. */
export async function forgeTrail(
  path: string,
  events: readonly ForgedEvent[],
  bodies: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<void> {
  await openTrail(path).close()
  const database = new Database(path)
  const insert = database.prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const insertBody = database.prepare('INSERT OR IGNORE INTO body VALUES (?, ?)')
  const tree = Frontier.empty()
  const ends = new Map<string, { readonly run_seq: number; readonly leaf: Uint8Array }>()
  for (const { run, ts, kind, call = null, ordinal = null, data, text } of events) {
    const before = ends.get(run) ?? { run_seq: -1, leaf: NO_LEAF }
    const run_seq = before.run_seq + 1
    const encoded = encodeData(kind === 'run.end' ? { ...data, events: run_seq + 1 } : data)
    for (const [name, bytes] of [...encoded.bodies, ...bodies]) insertBody.run(Buffer.from(name, 'hex'), bytes)
    const row = {
      seq: tree.size,
      run,
      run_seq,
      ts,
      kind,
      call,
      ordinal,
      data: text ?? encoded.text,
      run_prev: before.leaf,
    }
    const leaf = leafOf(row)
    insert.run(row.seq, run, run_seq, ts, kind, call, ordinal, row.data, row.run_prev, leaf)
    tree.append(leaf)
    ends.set(run, { run_seq, leaf })
  }
  database.prepare('UPDATE tree SET size = ?, frontier = ?').run(tree.size, tree.bytes())
  database.close()
}
