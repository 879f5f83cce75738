/** Which files a source reads or runs: whoever writes one chooses a secret, and whoever reads one has it. */
import type { CredentialSource } from '../../definition/config-source.ts'
import { forUser, isPerUser } from './secret-value.ts'

/** Absolute; of a path with `${user}` that of each of the users. */
export function sourceFiles(source: CredentialSource, users: readonly string[]): readonly string[] {
  switch (source.kind) {
    case 'file':
    case 'env-file':
      return ofUsers(source.path, users)
    case 'exec':
      return ofUsers(source.file, users)
    case 'github-app':
      return sourceFiles(source.key, users)
    case 'oauth':
      return source.secret === undefined ? [] : sourceFiles(source.secret, users)
    case 'env':
    case 'store':
      return []
  }
}

function ofUsers(path: string, users: readonly string[]): readonly string[] {
  if (!isPerUser([path])) return [path]
  return users.flatMap((user) => {
    try {
      return forUser(path, user)
    } catch {
      // A name that cannot stand in a path has no file.
      return []
    }
  })
}
