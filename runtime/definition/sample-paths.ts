/**
 * Paths that a permitting glob covers, chosen so that another glob which covers all of them covers everything the
 * first one does: each wildcard is tried empty, short and long, with a letter that the other glob does not spell.
 * Not a proof; what is decided at run time does not rest on it.
 */

import { tokenise, type Atom } from '../policy/glob-tokens.ts'

/** Patterns whose braces stand for more than this are not examined. */
const EXPANSIONS_MAX = 32

const LETTERS = ['z', 'q', 'x', 'j', 'k', 'v', 'w', 'y', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

/** Lengths that a run of `?` is unlikely to meet all of. */
const WORD_LENGTHS = [5, 1, 23]
const DEPTHS = [1, 0, 2, 7]

/** Ends of names that the list of protected paths excepts. */
const EXCEPTED_ENDS = ['example', 'sample', 'template']

/** A character that the pattern does not spell. */
export function freshLetter(pattern: string): string {
  const lower = pattern.toLowerCase()
  return LETTERS.find((letter) => !lower.includes(letter)) ?? '\ue000'
}

/** Normalised paths that the pattern covers, the most telling first; none if it is too wide to examine. */
export function samplePaths(pattern: string, letter: string): readonly string[] {
  const words = [...WORD_LENGTHS.map((length) => letter.repeat(length)), '', ...EXCEPTED_ENDS]
  const paths = new Set<string>()
  const expansions = expand(pattern)
  for (const word of words) {
    for (const depth of DEPTHS) {
      for (const segments of expansions) paths.add(fill(segments, word, depth, letter))
    }
  }
  // The root itself: `**` covers it, and a rule with nothing below it has no effect.
  paths.delete('')
  return [...paths]
}

type Segments = readonly (readonly Atom[])[]

/** The pattern without braces, once for each choice of alternatives, as segments. */
function expand(pattern: string): readonly Segments[] {
  const tokens = tokenise(pattern)
  if (!tokens.ok) return []
  let expansions: readonly (readonly Atom[])[] = [[]]
  for (const node of tokens.nodes) {
    if (node.kind !== 'group') {
      expansions = expansions.map((atoms) => [...atoms, node])
      continue
    }
    if (expansions.length * node.alternatives.length > EXPANSIONS_MAX) return []
    expansions = expansions.flatMap((atoms) => node.alternatives.map(({ nodes }) => [...atoms, ...nodes]))
  }
  return expansions.map(toSegments)
}

function toSegments(atoms: readonly Atom[]): Segments {
  const segments: Atom[][] = [[]]
  for (const atom of atoms) {
    if (atom.kind === 'slash') segments.push([])
    else segments.at(-1)?.push(atom)
  }
  return segments
}

function fill(segments: Segments, word: string, depth: number, letter: string): string {
  const long = letter.repeat(WORD_LENGTHS[0] ?? 1)
  const names = segments.flatMap((atoms) => {
    if (atoms.some(({ kind }) => kind === 'deep')) return Array.from({ length: depth }, () => long)
    const name = atoms.map((atom) => filling(atom, word, letter)).join('')
    // A `*` alone stands for no empty name.
    return [name === '' ? long : name]
  })
  return names.join('/')
}

function filling(atom: Atom, word: string, letter: string): string {
  if (atom.kind === 'text') return atom.text
  return atom.kind === 'star' ? word : letter
}
