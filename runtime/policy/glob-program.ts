/** From the text of a glob to an automaton, and the automaton itself. */
import type { Fold } from './fold.ts'
import { tokenise, type Atom, type Group, type Node } from './glob-tokens.ts'

/** Reads paths with a `/` behind every segment, the last included. */
export interface Program {
  /** Whether the whole path is covered. */
  accepts(path: string): boolean
  /** Whether a longer path, with this one as a folder of it, could be covered. */
  canGoOn(path: string): boolean
}

export type ParsedGlob =
  | {
      readonly ok: true
      readonly program: Program
      /** The same glob with its characters folded; wildcards, braces and segments stay what they are. */
      readonly folded: (fold: Fold) => Program
      readonly literal: string | undefined
      readonly spelled: readonly string[]
    }
  | { readonly ok: false; readonly message: string; readonly offset: number }

/** One state: reads a character (`char`, `any`, `star`) or goes on without reading (`split`, `jump`). */
type State =
  | { readonly kind: 'char'; readonly code: number }
  | { readonly kind: 'any' | 'star' | 'end' }
  | { readonly kind: 'split'; readonly targets: number[] }
  | { readonly kind: 'jump'; target: number }

const SLASH = 0x2f

export function parseGlob(pattern: string): ParsedGlob {
  const tokens = tokenise(pattern)
  if (!tokens.ok) return tokens
  const emitted = emit(tokens.nodes, pattern.length, undefined)
  if ('message' in emitted) return { ok: false, ...emitted }
  const wild = tokens.nodes.some((node) => node.kind !== 'text' && node.kind !== 'slash')
  const { program, spelled } = emitted
  const folded = (fold: Fold): Program => {
    const again = emit(tokens.nodes, pattern.length, fold)
    if ('message' in again) throw new Error(`the pattern ${pattern} compiles, but not folded: ${again.message}`)
    return again.program
  }
  return { ok: true, program, folded, literal: wild ? undefined : spelled.join('/'), spelled }
}

interface Emitted {
  readonly program: Program
  readonly spelled: readonly string[]
}

function emit(nodes: readonly Node[], end: number, fold: Fold | undefined): Emitted | Problem {
  const emitter = new Emitter(fold)
  const problem = emitter.sequence(nodes, 'start', true, end)
  if (problem !== undefined) return problem
  emitter.states.push({ kind: 'end' })
  return { program: new Automaton(emitter.states), spelled: emitter.spelled }
}

interface Problem {
  readonly message: string
  readonly offset: number
}

/** Where the text stands: before the first character of a segment, behind a `/`, in a segment, behind its end. */
type Place = 'start' | 'slash' | 'inside' | 'closed'

class Emitter {
  readonly states: State[] = []
  readonly spelled: string[] = []
  readonly #fold: Fold | undefined
  /** The text of the segment so far; undefined once a wildcard or a brace is part of it. */
  #text: string | undefined = ''

  /** Nothing but the characters to be read is folded: what a segment spells stays as written. */
  constructor(fold: Fold | undefined) {
    this.#fold = fold
  }

  /** Emits nodes; where `closes`, they end a segment and so must emit its `/`. */
  sequence(nodes: readonly Node[], from: Place, closes: boolean, end: number): Problem | undefined {
    let place = from
    this.#text = from === 'inside' ? undefined : ''
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index]!
      const next = nodes[index + 1]
      const bounded = next === undefined ? closes : next.kind === 'slash'
      let problem: Problem | undefined
      if (node.kind === 'slash') {
        problem = place === 'inside' ? this.#closeSegment(node.offset) : emptySegment(node.offset)
        place = 'slash'
      } else if (node.kind === 'deep' || (node.kind === 'group' && bounded)) {
        problem = node.kind === 'group' ? this.#group(node, place, true) : this.#deep(node, place, bounded)
        place = next === undefined ? 'closed' : 'slash'
        index += next === undefined ? 0 : 1
        this.#text = ''
      } else {
        problem = node.kind === 'group' ? this.#group(node, place, false) : this.#part(node)
        place = 'inside'
      }
      if (problem !== undefined) return problem
    }
    if (!closes) return undefined
    if (place === 'inside') return this.#closeSegment(end)
    return place === 'slash' ? { message: 'a path rule does not end in `/`', offset: end - 1 } : undefined
  }

  #part(atom: Atom): undefined {
    if (atom.kind !== 'text') {
      this.states.push({ kind: atom.kind === 'any' ? 'any' : 'star' })
      this.#text = undefined
      return
    }
    for (const character of this.#fold?.(atom.text) ?? atom.text) {
      this.states.push({ kind: 'char', code: character.codePointAt(0)! })
    }
    if (this.#text !== undefined) this.#text += atom.text
  }

  #closeSegment(offset: number): Problem | undefined {
    this.states.push({ kind: 'char', code: SLASH })
    const text = this.#text
    this.#text = ''
    if (text === '.' || text === '..')
      return { message: `a path rule holds no \`${text}\``, offset: offset - text.length }
    if (text !== undefined) this.spelled.push(text)
    return undefined
  }

  #deep(atom: Atom, place: Place, bounded: boolean): Problem | undefined {
    if (place === 'inside' || !bounded) {
      return { message: '`**` stands for whole segments: write it between slashes', offset: atom.offset }
    }
    const loop = this.states.length
    this.states.push(
      { kind: 'split', targets: [loop + 1, loop + 5] },
      { kind: 'any' },
      { kind: 'star' },
      { kind: 'char', code: SLASH },
      { kind: 'jump', target: loop },
    )
    return undefined
  }

  #group(group: Group, place: Place, bounded: boolean): Problem | undefined {
    const targets: number[] = []
    const jumps: { kind: 'jump'; target: number }[] = []
    const spelledBefore = this.spelled.length
    this.states.push({ kind: 'split', targets })
    for (const alternative of group.alternatives) {
      targets.push(this.states.length)
      const problem = this.sequence(
        alternative.nodes,
        place === 'inside' ? 'inside' : 'start',
        bounded,
        alternative.end,
      )
      if (problem !== undefined) return problem
      const jump = { kind: 'jump' as const, target: 0 }
      jumps.push(jump)
      this.states.push(jump)
    }
    for (const jump of jumps) jump.target = this.states.length
    this.spelled.length = spelledBefore
    this.#text = undefined
    return undefined
  }
}

function emptySegment(offset: number): Problem {
  return offset === 0
    ? { message: 'a path rule is relative to the workspace: it does not start with `/`', offset }
    : { message: 'a path rule holds no empty segment', offset }
}

/** Follows every state at once; sets are lists with a generation mark, so nothing is cleared between characters. */
class Automaton implements Program {
  readonly #states: readonly State[]
  readonly #marks: Float64Array
  #generation = 0
  #current: number[] = []
  #next: number[] = []

  constructor(states: readonly State[]) {
    this.#states = states
    this.#marks = new Float64Array(states.length)
  }

  accepts(path: string): boolean {
    this.#run(path)
    return this.#current.some((state) => this.#states[state]!.kind === 'end')
  }

  canGoOn(path: string): boolean {
    this.#run(path)
    return this.#current.some((state) => this.#states[state]!.kind !== 'end')
  }

  #run(path: string): void {
    this.#current = []
    this.#generation += 1
    this.#add(this.#current, 0)
    for (let index = 0; index < path.length && this.#current.length > 0;) {
      const code = path.codePointAt(index)!
      index += code > 0xffff ? 2 : 1
      this.#read(code)
    }
  }

  #read(code: number): void {
    const next = this.#next
    next.length = 0
    this.#generation += 1
    for (const index of this.#current) {
      const state = this.#states[index]!
      if (state.kind === 'char' ? state.code === code : state.kind === 'any' && code !== SLASH)
        this.#add(next, index + 1)
      else if (state.kind === 'star' && code !== SLASH) this.#add(next, index)
    }
    this.#next = this.#current
    this.#current = next
  }

  /** Adds a state and all that it reaches without reading; a list holds reading states and the end alone. */
  #add(set: number[], first: number): void {
    const open = [first]
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (this.#marks[index] === this.#generation) continue
      this.#marks[index] = this.#generation
      const state = this.#states[index]!
      if (state.kind === 'split') open.push(...state.targets)
      else if (state.kind === 'jump') open.push(state.target)
      else set.push(index)
      if (state.kind === 'star') open.push(index + 1)
    }
  }
}
