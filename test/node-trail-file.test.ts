import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { prepareTrailFile } from '../runtime/node-trail-file.ts'
import { temporaryTrail } from './support/trail.ts'

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

test('makes a private file in private folders, and keeps one that is there', () => {
  using at = temporaryTrail()
  const path = join(at.folder, 'state', 'run-agent', 'audit.db')
  prepareTrailFile(path)
  expect([modeOf(path), modeOf(join(path, '..')), modeOf(join(path, '..', '..'))]).toEqual([0o600, 0o700, 0o700])
  writeFileSync(path, 'kept')
  chmodSync(path, 0o644)
  prepareTrailFile(path)
  expect(modeOf(path)).toBe(0o600)
  expect(readFileSync(path, 'utf8')).toBe('kept')
})

test.each<[string, (path: string) => void, RegExp]>([
  ['a link', (path) => symlinkSync('elsewhere', path), /is a link/],
  ['a second name', (path) => second(path), /has a second name/],
  ['a folder', (path) => mkdirSync(path), /EISDIR|is no regular file/],
  ['a link for the log', (path) => symlinkSync('elsewhere', `${path}-wal`), /-wal is a link/],
  ['a folder of everybody', (path) => chmodSync(join(path, '..'), 0o777), /everybody may write to/],
])('%s is refused', (_, make, message) => {
  using at = temporaryTrail()
  make(at.path)
  expect(() => prepareTrailFile(at.path)).toThrow(
    expect.objectContaining({ code: 'E_TRAIL', message: expect.stringMatching(message) }),
  )
})

function second(path: string): void {
  writeFileSync(`${path}.other`, '')
  linkSync(`${path}.other`, path)
}
