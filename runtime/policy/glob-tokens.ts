/** The text of a glob as a flat list, with one level of braces. Offsets count UTF-16 units from 0. */

/** Literal characters that stand side by side are one atom, escaped or not: they are folded together. */
export type Atom =
  | { readonly kind: 'text'; readonly text: string; readonly offset: number }
  | { readonly kind: 'any' | 'star' | 'deep' | 'slash'; readonly offset: number }

export interface Alternative {
  readonly nodes: readonly Atom[]
  /** The offset behind its last character. */
  readonly end: number
}

export interface Group {
  readonly kind: 'group'
  readonly offset: number
  readonly alternatives: readonly Alternative[]
}

export type Node = Atom | Group

export type Tokens =
  | { readonly ok: true; readonly nodes: readonly Node[] }
  | { readonly ok: false; readonly message: string; readonly offset: number }

export function tokenise(pattern: string): Tokens {
  if (pattern === '') return failure('a path rule is not empty; `**` covers everything', 0)
  if (pattern.startsWith('!')) return failure('a path rule is not negated by `!`: use `deny`, or write `\\!`', 0)
  const nodes: Node[] = []
  let braces: { offset: number; alternatives: Alternative[]; nodes: Atom[] } | undefined
  for (let offset = 0; offset < pattern.length;) {
    const character = pattern[offset]!
    if (character === '{') {
      if (braces !== undefined) return failure('braces do not nest', offset)
      braces = { offset, alternatives: [], nodes: [] }
      offset += 1
      continue
    }
    if (character === '}' && braces === undefined)
      return failure('a `}` without its `{`; `\\}` is the character', offset)
    if (braces !== undefined && (character === '}' || character === ',')) {
      if (braces.nodes.length === 0) return failure('an alternative in braces is not empty', offset)
      braces.alternatives.push({ nodes: braces.nodes, end: offset })
      braces.nodes = []
      if (character === '}') nodes.push({ kind: 'group', offset: braces.offset, alternatives: braces.alternatives })
      if (character === '}') braces = undefined
      offset += 1
      continue
    }
    const atom = readAtom(pattern, offset)
    if ('message' in atom) return failure(atom.message, offset)
    append(braces?.nodes ?? nodes, atom.atom)
    offset += atom.length
  }
  return braces === undefined
    ? { ok: true, nodes }
    : failure('a `{` without its `}`; `\\{` is the character', braces.offset)
}

function failure(message: string, offset: number): Tokens {
  return { ok: false, message, offset }
}

function append(nodes: Node[], atom: Atom): void {
  const last = nodes.at(-1)
  if (atom.kind !== 'text' || last?.kind !== 'text') nodes.push(atom)
  else nodes[nodes.length - 1] = { ...last, text: last.text + atom.text }
}

function readAtom(pattern: string, offset: number): { atom: Atom; length: number } | { message: string } {
  const code = pattern.codePointAt(offset)!
  const length = code > 0xffff ? 2 : 1
  switch (pattern[offset]) {
    case '/':
      return { atom: { kind: 'slash', offset }, length }
    case '?':
      return { atom: { kind: 'any', offset }, length }
    case '\0':
      return { message: 'a path rule holds no NUL character' }
    case '*': {
      let stars = 1
      while (pattern[offset + stars] === '*') stars += 1
      if (stars > 2) return { message: '`**` stands for whole segments: write it between slashes' }
      return { atom: { kind: stars === 2 ? 'deep' : 'star', offset }, length: stars }
    }
    case '\\': {
      const escaped = pattern.codePointAt(offset + 1)
      if (escaped === undefined) return { message: 'a `\\` at the end takes no character; `\\\\` is the character' }
      if (escaped === 0x2f || escaped === 0) return { message: 'a `\\` stands before neither `/` nor NUL' }
      return { atom: { kind: 'text', text: String.fromCodePoint(escaped), offset }, length: escaped > 0xffff ? 3 : 2 }
    }
    default:
      return { atom: { kind: 'text', text: String.fromCodePoint(code), offset }, length }
  }
}
