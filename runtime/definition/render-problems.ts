/** Problems as a person reads them: place and message, the source line, a caret, a hint. */

import { styleText } from 'node:util'
import type { Problem } from '../errors.ts'
import { printable } from '../printable.ts'

/** Columns of a source line that are shown; of a longer one those around the caret. */
const WIDTH_MAX = 120
const WIDTH_BEFORE_CARET = 60

/** Ends with a line break unless there is no problem. Everything shown goes through `printable`. */
export function renderProblems(problems: readonly Problem[], options: { readonly colour: boolean }): string {
  const paint = (style: 'bold' | 'red' | 'cyan', text: string): string =>
    // Whether there is colour is the caller's to say.
    options.colour ? styleText(style, text, { validateStream: false }) : text
  const lines = problems.flatMap((problem) => {
    const place = `${printable(problem.file)}:${problem.line}:${problem.column}:`
    const rendered = [`${paint('bold', place)} ${printable(problem.message)}`]
    if (problem.source !== undefined) {
      const { text, caretAt } = excerpt(problem.source, problem.column - 1)
      const gutter = `  ${problem.line} | `
      rendered.push(`${gutter}${text}`, `${' '.repeat(gutter.length - 2)}| ${' '.repeat(caretAt)}${paint('red', '^')}`)
    }
    if (problem.hint !== undefined) rendered.push(`  ${paint('cyan', 'hint:')} ${printable(problem.hint)}`)
    return rendered
  })
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

/** The part of a line around an index, made printable, and the column of that index in it. */
function excerpt(source: string, index: number): { readonly text: string; readonly caretAt: number } {
  // A character becomes one column or more, so nothing outside this window could be shown.
  const before = shown(source.slice(Math.max(0, index - WIDTH_MAX), index))
  const after = shown(source.slice(index, index + WIDTH_MAX + 1))
  const fits = index <= WIDTH_MAX && before.length + after.length <= WIDTH_MAX
  if (fits) return { text: before + after, caretAt: before.length }
  const isCut = before.length > WIDTH_BEFORE_CARET
  const start = isCut ? `…${before.slice(before.length - WIDTH_BEFORE_CARET + 1)}` : before
  const room = WIDTH_MAX - start.length
  const end = after.length > room ? `${after.slice(0, room - 1)}…` : after
  return { text: start + end, caretAt: start.length }
}

/** A tab is one column, so that the caret stands right. */
function shown(text: string): string {
  return printable(text.replaceAll('\t', ' '))
}
