import { expect, test } from 'vitest'
import { mutantsOf } from './mutants.ts'

const SOURCE = `
const NAMES = ['a b', 'c']
export function allowed(name: string, list: readonly string[]): boolean | undefined {
  if (name === '' || !list.every((one) => one.startsWith(name))) return false
  problems.add(1)
  return /^[ab-d]+$/i.test(name) && list.filter((one) => one < name).length > (NAMES[0] ?? name)
}
`

test.for([
  "NAMES: `'c'` → nothing",
  "NAMES: `'c'` → `''`",
  'NAMES: `b` → nothing',
  'allowed: `===` → `!==`',
  'allowed: `||` → `&&`',
  'allowed: `&&` → `||`',
  'allowed: `<` → `<=`',
  'allowed: `>` → `>=`',
  'allowed: `every` → `some`',
  'allowed: `startsWith` → `includes`',
  'allowed: `!list.every((one) => one.startsWith(name))` → `list.every((one) => one.startsWith(name))`',
  "allowed: `name === '' || !list.every((one) => one.startsWith(name))` → `name === ''`",
  'allowed: `return false` → `return undefined`',
  'allowed: `false` → `true`',
  'allowed: `problems.add(1)` → `;`',
  'allowed: `1` → `2`',
  'allowed: `0` → `-1`',
  'allowed: `list.filter((one) => one < name)` → `list`',
  'allowed: `NAMES[0] ?? name` → `NAMES[0]`',
  'allowed: `/^[ab-d]+$/i` → `/[ab-d]+$/i`',
  'allowed: `/^[ab-d]+$/i` → `/^[ab-d]+/i`',
  'allowed: `/^[ab-d]+$/i` → `/^[a]+$/i`',
  'allowed: `/^[ab-d]+$/i` → `/^[ab-d]*$/i`',
  'allowed: `/^[ab-d]+$/i` → `/^[ab-d]+$/`',
])('a slip that is tried: %s', (name) => {
  expect(mutantsOf('x.ts', SOURCE).map((mutant) => mutant.name)).toContain(`x.ts ${name}`)
})

test('each has a name of its own, changes the text and leaves a module', () => {
  const mutants = mutantsOf('x.ts', SOURCE)
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  for (const { name, text, line } of mutants) {
    expect(text, name).not.toBe(SOURCE)
    expect(() => mutantsOf('x.ts', text), name).not.toThrow()
    expect(line).toBeGreaterThan(1)
  }
})
