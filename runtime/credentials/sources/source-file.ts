/** `{ file: PATH }`: a file that holds one secret and nothing else; and what a file must be to hold any. */
import { fixedSecret, forUser, isPerUser, type ValueRules } from './secret-value.ts'
import type { SecretSource } from '../secret.ts'

/**
 * `own`: this user's, and nobody else may read it. `mounted`: that, or root's, or a secret that an orchestrator put
 * there for this container.
 */
export type SecretFileRule = 'own' | 'mounted'

export interface SecretFileHost {
  /** The bytes of a file that `whyRefused` accepts. @throws RunAgentError E_CREDENTIAL, with the line to type. */
  read(absolutePath: string, rule: SecretFileRule): Uint8Array
}

/** Of the file that was opened, whatever its name leads to by now. */
export interface SecretFileFacts {
  readonly isRegular: boolean
  readonly uid: number
  readonly mode: number
  readonly links: number
  /** The last part of its path was a link. */
  readonly wasLink: boolean
  /** It lies on a mount that is read-only and in memory, as Kubernetes and Docker Swarm make one for each secret. */
  readonly isOnSecretMount: boolean
  /** The workspace that holds it. */
  readonly workspace: string | undefined
  /** Whether a repository around it tracks it; undefined where its index cannot be understood. */
  readonly isTracked: boolean | undefined
}

export interface Refusal {
  readonly why: string
  /** `PATH` stands for the path, as a shell takes it. */
  readonly hint: string
}

/**
 * Why a file may not hold a secret, or nothing. Modes 0444, 0440 and 0644 are what Kubernetes and Docker Swarm give to
 * mounted secrets: they are taken from root alone, on a mount that is read-only and in memory, where nobody but the
 * orchestrator could have put them. A file that Docker Compose binds from the host is like any other file.
 */
export function whyRefused(facts: SecretFileFacts, rule: SecretFileRule, uid: number): Refusal | undefined {
  const { mode } = facts
  const isMounted = rule === 'mounted' && facts.isOnSecretMount && facts.uid === 0 && (mode & 0o022) === 0
  if (!facts.isRegular)
    return { why: 'it is no regular file', hint: 'Name the file itself: no folder, pipe or device.' }
  if (facts.wasLink && !isMounted) return { why: 'it is a link', hint: 'Name what it leads to.' }
  if (facts.links !== 1) return { why: 'it has a second name', hint: 'Copy it: cp PATH PATH.new && mv PATH.new PATH' }
  if (facts.uid !== uid && !(rule === 'mounted' && facts.uid === 0)) {
    return { why: 'it belongs to somebody else', hint: 'sudo chown "$(id -u)" PATH' }
  }
  if ((mode & 0o077) !== 0 && !isMounted) {
    const mounted = ' A mounted secret must be root’s, on a mount that is read-only and in memory.'
    const isRoots = rule === 'mounted' && facts.uid === 0
    return { why: 'others can read or change it', hint: `chmod 600 PATH${isRoots ? mounted : ''}` }
  }
  if (facts.workspace !== undefined) {
    return { why: 'it lies in the workspace of the agent', hint: 'Move it to a place that no agent can reach.' }
  }
  if (facts.isTracked === undefined) {
    return {
      why: 'the index of the repository around it is none that can be read, so git may track it',
      hint: 'Move it out of the repository.',
    }
  }
  return facts.isTracked ? { why: 'git tracks it', hint: 'git rm --cached PATH, and replace the secret.' } : undefined
}

export interface FileSourceParts extends ValueRules {
  readonly files: SecretFileHost
}

export function createFileSource(credential: string, path: string, parts: FileSourceParts): SecretSource {
  const origin = `the file ${path}`
  return {
    origin,
    isPerUser: isPerUser([path]),
    fetch: async (question) => {
      const bytes = parts.files.read(forUser(path, question.user), 'mounted')
      return fixedSecret({ credential, text: new TextDecoder().decode(bytes).trim(), origin, question }, parts)
    },
  }
}
