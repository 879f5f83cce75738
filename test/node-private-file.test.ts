import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { prepareCredentialsFile, prepareTrailFile } from '../runtime/node-private-file.ts'
import { temporaryPlace } from './support/store.ts'

type Attack = readonly [what: string, make: (path: string) => void, message: RegExp]

const ON_FILE: readonly Attack[] = [
  ['a link', (path) => symlinkSync('elsewhere', path), /credentials.db is a link/],
  ['a second name', (path) => second(path), /has a second name/],
  ['a folder', (path) => mkdirSync(path), /EISDIR|is no regular file/],
  ['a link for the log', (path) => symlinkSync('elsewhere', `${path}-wal`), /-wal is a link/],
  ['a second name of the log', (path) => second(`${path}-shm`), /-shm has a second name/],
]

const ON_TRAIL_FOLDER: readonly Attack[] = [
  ['a folder of everybody', (path) => chmodSync(join(path, '..'), 0o777), /everybody may write to/],
]

const ON_STORE_FOLDER: readonly Attack[] = [
  ['a folder that others can look into', (path) => chmodSync(join(path, '..'), 0o711), /others can look into/],
  ['a folder that others can write to', (path) => chmodSync(join(path, '..'), 0o1777), /others can look into/],
]

const KINDS = [
  { kind: 'the trail', prepare: prepareTrailFile, code: 'E_TRAIL', attacks: [...ON_FILE, ...ON_TRAIL_FOLDER] },
  {
    kind: 'the store of secrets',
    prepare: prepareCredentialsFile,
    code: 'E_CREDENTIAL',
    attacks: [...ON_FILE, ...ON_STORE_FOLDER],
  },
]

describe.each(KINDS)('the file of $kind', ({ kind, prepare, code, attacks }) => {
  test('is made private in private folders, and kept where it is there', () => {
    using place = temporaryPlace()
    const path = join(place.folder, 'state', 'run-agent', 'some.db')
    prepare(path)
    expect([modeOf(path), modeOf(join(path, '..')), modeOf(join(path, '..', '..'))]).toEqual([0o600, 0o700, 0o700])
    writeFileSync(path, 'kept')
    chmodSync(path, 0o644)
    prepare(path)
    expect(modeOf(path)).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe('kept')
  })

  test.each(attacks)('is refused: %s', (_, make, message) => {
    using place = temporaryPlace()
    make(place.path)
    expect(() => prepare(place.path)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(`^${kind} is refused: .*(${message.source})`) }),
    )
  })

  // Only root can give a file away.
  test.runIf(process.getuid?.() === 0).each(['', '-wal'])('of somebody else is refused: %s', (suffix) => {
    using place = temporaryPlace()
    writeFileSync(place.path + suffix, '')
    expect(() => prepare(place.path)).not.toThrow()
    chownSync(place.path + suffix, 65534, 65534)
    expect(() => prepare(place.path)).toThrow(/belongs to somebody else/)
  })
})

test('a folder of everybody with the sticky bit may hold a trail', () => {
  using place = temporaryPlace()
  chmodSync(place.folder, 0o1777)
  expect(() => prepareTrailFile(place.path)).not.toThrow()
})

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

function second(path: string): void {
  writeFileSync(`${path}.other`, '')
  linkSync(`${path}.other`, path)
}
