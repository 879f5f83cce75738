import { ProblemsError, type Problem } from '../../runtime/errors.ts'

/** The problems that a parser throws; fails if it throws anything else or nothing. */
export function problemsOf(parse: () => unknown): readonly Problem[] {
  try {
    parse()
  } catch (thrown) {
    if (thrown instanceof ProblemsError) return thrown.problems
    throw thrown
  }
  throw new Error('no problem was reported')
}

/** `line:column message`, with the hint in brackets. */
export function summaries(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ line, column, message, hint }) => {
    const suffix = hint === undefined ? '' : ` (${hint})`
    return `${line}:${column} ${message}${suffix}`
  })
}
