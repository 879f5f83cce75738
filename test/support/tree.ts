/** Folders of a test, written in one line an entry. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface Tree extends Disposable {
  /** Absolute, every link followed. */
  readonly path: string
}

/**
 * Makes entries in a new folder: `d/` a folder, `f=text` a file, `a/b => target` a link, `p|fifo` a FIFO. `$ABS` in a
 * target is the tree's own path. Folders on the way are made.
 */
export function makeTree(entries: readonly string[]): Tree {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-tree-')))
  for (const entry of entries) addEntry(path, entry)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function addEntry(root: string, entry: string): void {
  const [, name, kind, rest] = /^(.*?)( => |=|\|fifo$|\/$)(.*)$/s.exec(entry) ?? []
  if (name === undefined) throw new Error(`not an entry of a tree: ${entry}`)
  const path = join(root, name)
  mkdirSync(dirname(path), { recursive: true })
  if (kind === '/') mkdirSync(path, { recursive: true })
  else if (kind === '=') writeFileSync(path, rest ?? '')
  else if (kind === '|fifo') execFileSync('mkfifo', [path])
  else symlinkSync((rest ?? '').replaceAll('$ABS', root), path)
}
