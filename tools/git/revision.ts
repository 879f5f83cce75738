/** What a person writes for a commit: a branch, a tag, an abbreviation, `HEAD~2`, `v1^2`, `a..b`. */
import type { Repository } from './repository.ts'

/** Two commits to compare, or one commit with its first parent. */
export type Selection =
  | { readonly kind: 'commit'; readonly oid: string }
  | { readonly kind: 'range'; readonly from: string; readonly to: string; readonly fromMergeBase: boolean }

/** A history may be long, but nobody counts further by hand. */
const STEPS_MAX = 10_000

/** Of how many objects with one prefix the type is looked at, and up to which size a commit is believed to be one. */
const CANDIDATES_MAX = 32
const COMMIT_BYTES_MAX = 1024 * 1024

export async function select(repository: Repository, text: string): Promise<Selection> {
  const range = /^(.*?)(\.{2,3})(.*)$/.exec(text.trim())
  if (range === null) return { kind: 'commit', oid: await resolveCommit(repository, text.trim() || 'HEAD') }
  const from = await resolveCommit(repository, range[1] || 'HEAD')
  const to = await resolveCommit(repository, range[3] || 'HEAD')
  if (range[2] === '..') return { kind: 'range', from, to, fromMergeBase: false }
  const base = await repository.mergeBase(from, to)
  if (base === undefined) throw new Error(`${range[1] || 'HEAD'} and ${range[3] || 'HEAD'} share no history`)
  return { kind: 'range', from: base, to, fromMergeBase: true }
}

/** The oid of the commit that `text` names. */
export async function resolveCommit(repository: Repository, text: string): Promise<string> {
  const parts = /^(.*?)((?:~[0-9]*|\^[0-9]*|\^\{(?:commit)?\})*)$/.exec(text)
  const name = parts?.[1] ?? text
  const named = await resolveName(repository, name === '' || name === '@' ? 'HEAD' : name, text)
  let commit = await readCommit(repository, named, text)
  for (const [step] of (parts?.[2] ?? '').matchAll(/~[0-9]*|\^[0-9]*(?:\{(?:commit)?\})?/g)) {
    if (step.endsWith('}') || step === '^0') continue
    const count = step.length === 1 ? 1 : Number(step.slice(1))
    if (count > STEPS_MAX) throw unknown(text, `more than ${STEPS_MAX} steps back`)
    const generations = step.startsWith('~') ? count : 1
    for (let generation = 0; generation < generations; generation += 1) {
      const parent = commit.commit.parent[step.startsWith('~') ? 0 : count - 1]
      if (parent === undefined) {
        const why = repository.shallow.has(commit.oid) ? 'this shallow clone ends before it' : 'there is no such parent'
        throw unknown(text, why)
      }
      commit = await readCommit(repository, parent, text)
    }
  }
  return commit.oid
}

async function readCommit(repository: Repository, oid: string, text: string) {
  try {
    return await repository.commit(oid)
  } catch (thrown) {
    const name = thrown instanceof Error ? thrown.name : ''
    if (name === 'NotFoundError') throw unknown(text, `object ${oid} is not in this repository`)
    if (name === 'ObjectTypeError') throw unknown(text, 'it does not name a commit')
    throw thrown
  }
}

async function resolveName(repository: Repository, name: string, text: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(name)) throw new Error('SHA-256 object names are not supported yet')
  if (/^[0-9a-fA-F]{40}$/.test(name)) return name.toLowerCase()
  if (name.includes('@{') || name.includes(':')) throw unknown(text, 'this form of revision is not supported')
  const ref = await repository.resolveRef(name)
  if (ref !== undefined) return ref
  if (name === 'HEAD') {
    throw new Error(
      `this repository has no commits yet: HEAD points at ${repository.branch ?? 'nothing'}, which does not exist`,
    )
  }
  if (!/^[0-9a-fA-F]{4,39}$/.test(name)) throw unknown(text)
  return expand(repository, name.toLowerCase(), text)
}

/** Of several objects with that prefix a commit is meant, as with git. */
async function expand(repository: Repository, prefix: string, text: string): Promise<string> {
  const matches = await repository.expand(prefix)
  if (matches.length <= 1) {
    if (matches[0] === undefined) throw unknown(text)
    return matches[0]
  }
  const commits: string[] = []
  for (const oid of matches.slice(0, CANDIDATES_MAX)) {
    const read = await repository.objects.read(oid, COMMIT_BYTES_MAX, false)
    if (read.kind === 'object' && read.object.type === 'commit') commits.push(oid)
  }
  if (commits.length === 1 && commits[0] !== undefined) return commits[0]
  throw unknown(text, `${matches.length} objects start so; write more of it`)
}

function unknown(text: string, why?: string): Error {
  return new Error(`unknown revision ${JSON.stringify(text)}${why === undefined ? '' : `: ${why}`}`)
}
