/** The pieces of `METHOD[,METHOD] URL-pattern`, each with its offset. Where they are cut, and nothing of what they say. */

export interface Piece {
  readonly text: string
  /** Offset in the rule. */
  readonly at: number
}

export interface RuleMistake {
  readonly message: string
  /** Offset in the rule. */
  readonly offset: number
  readonly hint?: string
}

export interface QueryPiece {
  readonly key: Piece
  /** Undefined: any. */
  readonly values: readonly Piece[] | undefined
}

export interface HttpRulePieces {
  readonly methods: readonly Piece[]
  readonly scheme: Piece
  readonly host: Piece
  readonly port: Piece | undefined
  /** What stands between the slashes of the path. */
  readonly segments: readonly Piece[]
  /** Undefined: none. */
  readonly query: Piece | undefined
  readonly pairs: readonly QueryPiece[]
  /** The part in braces behind the URL. */
  readonly graphql: Piece | undefined
}

export type SplitHttpRule =
  | { readonly ok: true; readonly pieces: HttpRulePieces }
  | { readonly ok: false; readonly mistake: RuleMistake }

const FORM = 'as in "GET https://api.example/items/*"'

export function splitHttpRule(text: string): SplitHttpRule {
  const [methods, url, ...more] = cut({ text, at: 0 }, ' ')
  if (methods === undefined || url === undefined || methods.text === '' || url.text === '') {
    return mistaken({ message: 'an HTTP rule is a method, one space and a URL', offset: 0, hint: FORM })
  }
  const [graphql] = more
  const fragment = url.text.indexOf('#')
  if (fragment !== -1) return mistaken({ message: 'a fragment is never sent', offset: url.at + fragment })
  const schemeEnd = url.text.indexOf('://')
  if (schemeEnd === -1) return mistaken({ message: 'the URL has no scheme', offset: url.at, hint: 'write https://…' })
  const rest = from(url, schemeEnd + 3)
  const [beforeQuery, query] = cutOnce(rest, '?')
  const pathAt = beforeQuery.text.indexOf('/')
  if (pathAt === -1) {
    const offset = beforeQuery.at + beforeQuery.text.length
    return mistaken({ message: 'the URL has no path', offset, hint: 'write `/` for the root, `/**` for all below it' })
  }
  const authority = { text: beforeQuery.text.slice(0, pathAt), at: beforeQuery.at }
  const userinfo = authority.text.indexOf('@')
  if (userinfo !== -1) {
    const hint = 'a credential comes from the configuration of the operator'
    return mistaken({ message: 'a URL holds no user name or password', offset: authority.at, hint })
  }
  const [host, port] = cutPort(authority)
  return {
    ok: true,
    pieces: {
      methods: cut(methods, ','),
      scheme: { text: url.text.slice(0, schemeEnd), at: url.at },
      host,
      port,
      segments: cut(from(beforeQuery, pathAt + 1), '/'),
      query,
      pairs: query === undefined ? [] : cut(query, '&').map(pairOf),
      graphql: graphql && { text: text.slice(graphql.at), at: graphql.at },
    },
  }
}

function pairOf(piece: Piece): QueryPiece {
  const [key, values] = cutOnce(piece, '=')
  return { key, values: values && cut(values, '|') }
}

function cutPort(authority: Piece): readonly [Piece, Piece | undefined] {
  const colon = authority.text.lastIndexOf(':')
  if (colon === -1 || authority.text.endsWith(']')) return [authority, undefined]
  return [{ text: authority.text.slice(0, colon), at: authority.at }, from(authority, colon + 1)]
}

function cut({ text, at }: Piece, separator: string): readonly Piece[] {
  let offset = at
  return text.split(separator).map((part) => {
    const piece = { text: part, at: offset }
    offset += part.length + separator.length
    return piece
  })
}

function cutOnce(piece: Piece, separator: string): readonly [Piece, Piece | undefined] {
  const index = piece.text.indexOf(separator)
  if (index === -1) return [piece, undefined]
  return [{ text: piece.text.slice(0, index), at: piece.at }, from(piece, index + separator.length)]
}

function from({ text, at }: Piece, index: number): Piece {
  return { text: text.slice(index), at: at + index }
}

function mistaken(mistake: RuleMistake): SplitHttpRule {
  return { ok: false, mistake }
}
