/**
 * Performs what policy permitted of files. The name of a request was decided before; what its links lead to is
 * decided here, before anything is read, made or removed.
 */
import type { Json } from '../audit/event.ts'
import { codeOf } from '../errors.ts'
import type { Decision, Facts, FileRequest, Grant } from '../policy/grant.ts'
import { decide } from '../policy/decide.ts'
import { normalisePath } from '../policy/path-rule.ts'
import { changeFile, type ChangeRequest } from './file-changes.ts'
import { readFile, type ReadRequest } from './file-reads.ts'
import { deniedOutcome, type Outcome } from './outcome.ts'
import { PathError } from './walker.ts'
import type { Reach, Workspace } from './workspace.ts'

export function performFile(
  workspace: Workspace,
  grant: Grant,
  request: FileRequest,
  redecide: (facts: Facts) => Decision,
): { readonly outcome: Outcome; readonly facts: Facts } {
  let facts: Facts = {}
  const reach: Reach = (text, options, fact = 'resolved') => {
    const path = normalised(text)
    const site = workspace.git.locate(path, grant.git !== undefined)
    return site.walker.walk(site.path, {
      ...options,
      onResolved(inner) {
        const resolved = inner === '..' ? inner : site.outer(inner)
        if (resolved === path) return
        facts = { ...facts, [fact]: resolved }
        const decision = redecide(facts)
        if (decision.kind === 'deny') throw new Refusal(decision)
      },
    })
  }
  const learnNoFolder = (): void => {
    const more: Facts = { ...facts, isFolder: false }
    // Recorded only where it changes the answer.
    if (decide(grant, request, more).kind === 'permit') return
    facts = more
    const decision = redecide(more)
    if (decision.kind === 'deny') throw new Refusal(decision)
  }
  try {
    const value = judged(request, () => perform(workspace, grant, request, reach), learnNoFolder)
    return { outcome: { ok: true, value }, facts }
  } catch (error) {
    return { outcome: failureOf(error, request), facts }
  }
}

/** What is no folder, or is not there, is decided again before anything of it is told. */
function judged(request: FileRequest, act: () => Json, learnNoFolder: () => void): Json {
  if (request.op !== 'fs.stat' && request.op !== 'fs.list') return act()
  let value: Json
  try {
    value = act()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) learnNoFolder()
    throw error
  }
  if (request.op === 'fs.stat' && Reflect.get(Object(value), 'type') !== 'directory') learnNoFolder()
  return value
}

function perform(workspace: Workspace, grant: Grant, request: FileRequest, reach: Reach): Json {
  return isChange(request)
    ? changeFile(workspace.walker.files, request, reach)
    : readFile(workspace, grant, request satisfies ReadRequest, reach)
}

function isChange(request: FileRequest): request is ChangeRequest {
  return (CHANGES as readonly string[]).includes(request.op)
}

const CHANGES: readonly ChangeRequest['op'][] = ['fs.write', 'fs.mkdir', 'fs.delete', 'fs.rename']

function normalised(text: string): string {
  const result = normalisePath(text)
  if (!result.ok) throw new PathError('EINVAL', result.why)
  return result.path
}

/** Ends a walk that policy does not let go on; becomes an outcome, never seen outside. */
class Refusal extends Error {
  readonly decision: Extract<Decision, { kind: 'deny' }>

  constructor(decision: Extract<Decision, { kind: 'deny' }>) {
    super('denied')
    this.decision = decision
  }
}

/** As Node words them; with the paths of the request alone, because the system's own message holds others. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'resource busy or locked',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ESTALE: 'a folder was moved or replaced meanwhile',
  EXDEV: 'cross-device link not permitted',
  E_OUTSIDE: 'a link leads out of the workspace',
  E_SPECIAL_FILE: 'devices, FIFOs and sockets are refused',
}

const VERBS: Readonly<Record<FileRequest['op'], string>> = {
  'fs.read': 'open',
  'fs.readRange': 'open',
  'fs.stat': 'stat',
  'fs.list': 'scandir',
  'fs.readlink': 'readlink',
  'fs.write': 'open',
  'fs.mkdir': 'mkdir',
  'fs.delete': 'unlink',
  'fs.rename': 'rename',
}

function failureOf(error: unknown, request: FileRequest): Outcome {
  if (error instanceof Refusal) return deniedOutcome(error.decision)
  const code = codeOf(error)
  if (code === undefined || code.startsWith('ERR_')) throw error
  const words = WORDS[code] ?? (error instanceof PathError ? error.message : 'input/output error')
  const paths = request.op === 'fs.rename' ? `'${request.from}' -> '${request.to}'` : `'${request.path}'`
  return { ok: false, error: { name: 'Error', code, message: `${code}: ${words}, ${VERBS[request.op]} ${paths}` } }
}
