/** How the timeline puts recorded values into words. Everything that ends in a line goes through printable(). */

import { isUint8Array } from 'node:util/types'

import { printable } from '../printable.ts'
import { encodeInline } from './encode.ts'
import type { Json } from './event.ts'
import { type Fields, fieldsOf, textOf } from './fields.ts'

/** One line of at most so many characters; what was cut shows as `…`. */
export function cut(text: string, columns: number): string {
  // A character takes two code units at most, so nothing beyond these can be seen; printable() of megabytes is slow.
  const characters = Array.from(printable(text.slice(0, 2 * columns + 2)))
  return characters.length <= columns ? characters.join('') : `${characters.slice(0, columns - 1).join('')}…`
}

/** Any value on one line: text as it is, everything else as JSON. */
export function inWords(value: Json | undefined, columns: number): string {
  if (value === undefined) return ''
  if (isUint8Array(value)) return count(value.length, 'byte')
  return cut(typeof value === 'string' ? value : encodeInline(value), columns)
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}

/** `3 ms`, `2.1 s`, `4 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** `2026-08-03 14:22:05Z`; a time outside of the calendar as its number. */
export function time(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime())
    ? String(ms)
    : date
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/u, 'Z')
}

/** A rule and where it was written: `deny src/vendor/** (reviewer.yaml:12:5)`. */
export function ruleOf(decision: Fields): string {
  const rule = textOf(decision['rule']) ?? textOf(decision['reason']) ?? 'no rule recorded'
  const place = textOf(decision['place'])
  return printable(place === undefined ? rule : `${rule} (${place})`)
}

/** The rule of a denial, and what is allowed instead. */
export function denialOf(decision: Fields): string {
  const allowed = textOf(decision['allowed'])
  return allowed === undefined ? ruleOf(decision) : `${ruleOf(decision)} · ${printable(allowed)}`
}

/** `ENOENT: no such file`, of an error or of something that holds one. */
export function errorOf(value: Json | undefined): string {
  const outer = fieldsOf(value)
  const fields = outer['error'] === undefined ? outer : fieldsOf(outer['error'])
  const parts = [textOf(fields['code']) ?? textOf(fields['name']), textOf(fields['message'])]
  const text = parts.filter((part) => part !== undefined).join(': ')
  return printable(text || textOf(outer['error']) || textOf(value) || 'no reason recorded')
}

/** Each line of a text indented; after `linesMax` lines, how many more there are. */
export function* indented(text: string, indent: string, linesMax: number): Iterable<string> {
  const lines = text.split('\n')
  for (const line of lines.slice(0, linesMax)) yield indent + printable(line)
  if (lines.length > linesMax) yield `${indent}… ${count(lines.length - linesMax, 'more line')}`
}
