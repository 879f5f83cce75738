import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { prepareCredentialsFile } from '../runtime/node-credentials-file.ts'
import { temporaryPlace } from './support/store.ts'

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

test('makes a private file in private folders, and keeps one that is there', () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'state', 'run-agent', 'credentials.db')
  prepareCredentialsFile(path)
  expect([modeOf(path), modeOf(join(path, '..')), modeOf(join(path, '..', '..'))]).toEqual([0o600, 0o700, 0o700])
  writeFileSync(path, 'kept')
  chmodSync(path, 0o644)
  prepareCredentialsFile(path)
  expect(modeOf(path)).toBe(0o600)
  expect(readFileSync(path, 'utf8')).toBe('kept')
})

test.each<[string, (path: string) => void, RegExp]>([
  ['a link', (path) => symlinkSync('elsewhere', path), /credentials.db is a link/],
  ['a second name', (path) => second(path), /has a second name/],
  ['a folder', (path) => mkdirSync(path), /EISDIR|is no regular file/],
  ['a link for the log', (path) => symlinkSync('elsewhere', `${path}-wal`), /-wal is a link/],
  ['a second name of the log', (path) => second(`${path}-shm`), /-shm has a second name/],
  ['a folder that others can look into', (path) => chmodSync(join(path, '..'), 0o711), /others can look into/],
  ['a folder that others can write to', (path) => chmodSync(join(path, '..'), 0o1777), /others can look into/],
])('%s is refused', (_, make, message) => {
  using place = temporaryPlace()
  make(place.path)
  expect(() => prepareCredentialsFile(place.path)).toThrow(
    expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) }),
  )
})

// Only root can give a file away.
test.runIf(process.getuid?.() === 0).each(['', '-wal'])('a file of somebody else is refused: %s', (suffix) => {
  using place = temporaryPlace()
  writeFileSync(place.path + suffix, '')
  expect(() => prepareCredentialsFile(place.path)).not.toThrow()
  chownSync(place.path + suffix, 65534, 65534)
  expect(() => prepareCredentialsFile(place.path)).toThrow(/belongs to somebody else/)
})

function second(path: string): void {
  writeFileSync(`${path}.other`, '')
  linkSync(`${path}.other`, path)
}
