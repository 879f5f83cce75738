/** A definition in Markdown: the keys as YAML front matter between two lines `---`, the instructions as the body. */
import { ProblemList } from './problem-list.ts'
import { checkCharacters } from './yaml-source.ts'

export interface SplitSource {
  /** The keys alone, at the lines and columns where they stand in the file. */
  readonly yaml: string | Uint8Array
  /** The instructions; undefined for a definition that is no Markdown. */
  readonly body: string | undefined
}

/** Throws ProblemsError for Markdown without front matter, and for characters that no definition may hold. */
export function splitMarkdown({
  file,
  text,
}: {
  readonly file: string
  readonly text: string | Uint8Array
}): SplitSource {
  if (!/\.(?:md|markdown)$/i.test(file)) return { yaml: text, body: undefined }
  // What is no UTF-8 is refused where YAML is read: the bytes are passed on as they are.
  const decoded = typeof text === 'string' ? text : new TextDecoder('utf-8').decode(text)
  const source = decoded.startsWith('\ufeff') ? decoded.slice(1) : decoded
  const opening = /^---[ \t]*\r?\n/.exec(source)
  const closing = opening === null ? null : /^---[ \t]*(?:\r?\n|$)/m.exec(source.slice(opening[0].length))
  if (opening === null || closing === null) {
    const problems = new ProblemList('definition', file, source)
    const what = opening === null ? 'must begin with a line `---`' : 'has no second line `---` after its keys'
    problems.add(0, `a Markdown definition ${what}`, 'write the keys between two lines of three hyphens')
    throw problems.error()
  }
  if (/\ufffd/.test(source)) return { yaml: text, body: '' }
  const start = opening[0].length
  const bodyAt = start + closing.index + closing[0].length
  const body = source.slice(bodyAt)
  const problems = new ProblemList('definition', file, source)
  checkCharacters(problems)
  problems.throwIfAny()
  // A comment of the same length keeps every place where it was.
  return { yaml: `#--${source.slice(3, start + closing.index)}`, body: body.trim() }
}
