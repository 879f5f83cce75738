import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { newKeyText } from '../runtime/credentials/store/key-source.ts'
import { makeKeyFile, readKeyFile } from '../runtime/node-store-key.ts'
import { temporaryPlace } from './support/store.ts'

function refusal(message: RegExp): unknown {
  return expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) as unknown })
}

function write(path: string, text: string, mode = 0o600): void {
  writeFileSync(path, text, { mode })
  chmodSync(path, mode)
}

test('a key file is made once, for its user alone, and read again', () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  const text = newKeyText()
  expect(makeKeyFile(path, text)).toBe(text)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(makeKeyFile(path, newKeyText())).toBe(text)
  expect([readKeyFile(path), readFileSync(path, 'utf8')]).toEqual([text, text])
})

test.each<[string, (path: string) => void, RegExp]>([
  ['a missing file', () => undefined, /does not exist/],
  ['a link', (path) => link(path), /is a link/],
  ['a second name', (path) => second(path), /has a second name/],
  ['a folder', (path) => mkdirSync(path), /is no regular file/],
  ['a file that the group can read', (path) => write(path, newKeyText(), 0o640), /can be read or changed by others/],
  ['a file that all can write', (path) => write(path, newKeyText(), 0o602), /can be read or changed by others/],
  ['a file that is too large', (path) => write(path, 'x'.repeat(4097)), /is larger than 4096 bytes/],
  ['a pipe, without waiting', (path) => execFileSync('mkfifo', ['-m', '600', path]), /is no regular file/],
])('%s is refused', (_, make, message) => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  make(path)
  expect(() => readKeyFile(path)).toThrow(refusal(message))
})

test('a file of the largest size is not refused', () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  write(path, 'x'.repeat(4096))
  expect(readKeyFile(path)).toHaveLength(4096)
})

// Only root can give a file away.
test.runIf(process.getuid?.() === 0)('a key file of somebody else is refused', () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  write(path, newKeyText())
  chownSync(path, 65534, 65534)
  expect(() => readKeyFile(path)).toThrow(refusal(/belongs to somebody else/))
})

test('a file that stays empty is refused after a while', () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  write(path, '')
  expect(() => readKeyFile(path)).toThrow(refusal(/is empty/))
})

test('of processes that make it at once all get one key', async () => {
  using place = temporaryPlace()
  const path = join(place.folder, 'store.key')
  const script = fileURLToPath(new URL('support/key-maker.ts', import.meta.url))
  const texts = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 })
      const chunks: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(child, 'close')
      return Buffer.concat(chunks).toString()
    }),
  )
  expect(new Set(texts)).toEqual(new Set([readFileSync(path, 'utf8')]))
  expect(texts[0]).toHaveLength(44)
})

function link(path: string): void {
  write(`${path}.other`, newKeyText())
  symlinkSync(`${path}.other`, path)
}

function second(path: string): void {
  write(`${path}.other`, newKeyText())
  linkSync(`${path}.other`, path)
}
