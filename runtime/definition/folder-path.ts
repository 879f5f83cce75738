/** Paths that a definition writes: lexical checks only, what they lead to is the walker's business. */

export type FolderPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly reason: 'absolute' | 'leaves' | 'malformed'; readonly message: string }

/** A path at or below the folder that it is relative to, normalised: no `./`, `..`, `//` or trailing `/`. */
export function folderPath(text: string): FolderPath {
  if (/^(?:[a-z][a-z0-9+.-]*:|[/~\\])/i.test(text)) {
    return { ok: false, reason: 'absolute', message: 'must be a relative path' }
  }
  if (text.includes('\\')) return { ok: false, reason: 'malformed', message: 'must have / between its segments' }
  const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) return { ok: false, reason: 'leaves', message: 'must not hold `..`' }
  return { ok: true, path: segments.length === 0 ? '.' : segments.join('/') }
}
