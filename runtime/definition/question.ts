/** A question of rights in words, as `tests` and `run-agent can` ask it: `read src/a.ts`, `POST https://…`. */
import type { Question } from '../policy/grant.ts'
import { HTTP_METHODS } from '../policy/http-rule.ts'
import { canonicalUrl } from '../policy/http-url.ts'
import { normalisePath } from '../policy/path-rule.ts'
import { quoted } from './node-reader.ts'
import { didYouMean } from './suggest.ts'

export type ParsedQuestion =
  | { readonly ok: true; readonly question: Question }
  | { readonly ok: false; readonly message: string }

const FORMS = 'a question is `read PATH`, `write PATH`, `delete PATH` or `METHOD URL`'

/** A test's question. What is denied whatever the rules are is refused: a test of that would prove nothing. */
export function parseQuestion(text: string): ParsedQuestion {
  const [, verb = '', subject = ''] = /^[ \t]*(\S+)[ \t]+(.*\S)[ \t]*$/su.exec(text) ?? []
  if (subject === '') return refused(`${quoted(text)} is not whole: ${FORMS}`)
  const parsed = questionOf(verb, subject)
  if (!parsed.ok) return parsed
  const { question } = parsed
  const read = question.op === 'http' ? canonicalUrl(question.url) : normalisePath(subject)
  return read.ok ? parsed : refused(`${quoted(subject)} is denied whatever the rules are: ${read.why}`)
}

/** Of a verb and what it is about, which may hold any character: a path that no workspace has is answered too. */
export function questionOf(verb: string, subject: string): ParsedQuestion {
  if (subject === '') return refused(`${quoted(verb)} of what? ${FORMS}`)
  switch (verb) {
    case 'read':
      return { ok: true, question: { op: 'fs.read', path: subject } }
    case 'write':
      return { ok: true, question: { op: 'fs.write', path: subject, data: new Uint8Array(), how: 'replace' } }
    case 'delete':
      return { ok: true, question: { op: 'fs.delete', path: subject, kind: 'file' } }
    default:
      return HTTP_METHODS.includes(verb) ? httpQuestion(verb, subject) : refused(unknownVerb(verb))
  }
}

function httpQuestion(method: string, url: string): ParsedQuestion {
  if (/\s/.test(url)) return refused(`the URL ${quoted(url)} holds a space; write %20`)
  if (!/^https?:\/\/[^/]/i.test(url) || URL.parse(url) === null) {
    return refused(`${quoted(url)} is no URL; write ${method} https://host/path`)
  }
  return { ok: true, question: { op: 'http', method, url } }
}

function unknownVerb(verb: string): string {
  const upper = verb.toUpperCase()
  const hint = HTTP_METHODS.includes(upper)
    ? `methods are written in capitals: ${upper}`
    : (didYouMean(verb, verb === upper ? HTTP_METHODS : ['read', 'write', 'delete']) ?? FORMS)
  return `there is no question ${quoted(verb)}: ${hint}`
}

function refused(message: string): ParsedQuestion {
  return { ok: false, message }
}
