/** A question of rights in words, as `tests` and `run-agent can` ask it: `read src/a.ts`, `POST https://…`. */
import type { Question } from '../policy/grant.ts'
import { quoted } from './node-reader.ts'
import { didYouMean } from './suggest.ts'

export type ParsedQuestion =
  | { readonly ok: true; readonly question: Question }
  | { readonly ok: false; readonly message: string }

const FORMS = 'a question is `read PATH`, `write PATH`, `delete PATH` or `METHOD URL`'

/** A path is taken as it stands, even one that no workspace has: that it is denied is an answer too. */
export function parseQuestion(text: string): ParsedQuestion {
  const [, verb = '', subject = ''] = /^[ \t]*(\S+)[ \t]+(.*\S)[ \t]*$/su.exec(text) ?? []
  return subject === '' ? refused(`${quoted(text)} is not whole: ${FORMS}`) : questionOf(verb, subject)
}

/** As `parseQuestion`, of a verb and what it is about, which may hold any character. */
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
      return /^[A-Z]+$/.test(verb) ? httpQuestion(verb, subject) : refused(unknownVerb(verb))
  }
}

/** A URL that is none would be denied whatever the rules are, and a test of that would prove nothing. */
function httpQuestion(method: string, url: string): ParsedQuestion {
  if (/\s/.test(url)) return refused(`the URL ${quoted(url)} holds a space; write %20`)
  if (!/^https?:\/\/[^/]/i.test(url) || URL.parse(url) === null) {
    return refused(`${quoted(url)} is no URL; write ${method} https://host/path`)
  }
  return { ok: true, question: { op: 'http', method, url } }
}

function unknownVerb(verb: string): string {
  const hint = /^(?:get|head|post|put|patch|delete|options)$/i.test(verb)
    ? `methods are written in capitals: ${verb.toUpperCase()}`
    : (didYouMean(verb, ['read', 'write', 'delete']) ?? FORMS)
  return `there is no question ${quoted(verb)}: ${hint}`
}

function refused(message: string): ParsedQuestion {
  return { ok: false, message }
}
