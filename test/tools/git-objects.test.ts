/** Objects out of every kind of pack, compared with what git itself reads. */
import { appendFileSync, copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ObjectStore } from '../../tools/git/objects.ts'
import { makeRepository } from '../support/repository.ts'
import type { TestRepository } from '../support/repository.ts'

const LIMIT = 1024 * 1024

const made: TestRepository[] = []

afterEach(() => {
  for (const repository of made.splice(0)) repository.remove()
})

/** Versions of a long text, so that packing makes chains of deltas. */
function versioned(versions: number): TestRepository {
  const lines = Array.from({ length: 400 }, (_, at) => `line ${at} ${(at * 7919) % 1009}`)
  const texts = Array.from({ length: versions }, (_, version) => {
    lines[(version * 37) % 400] = `changed in ${version}`
    return { 'long.txt': lines.join('\n'), [`small-${version}.txt`]: `${version}\n` }
  })
  const repository = makeRepository(texts)
  made.push(repository)
  return repository
}

async function expectSame(repository: TestRepository): Promise<void> {
  const objects = new ObjectStore(join(repository.dir, '.git'), { count: 0 })
  try {
    const listed = repository.git(
      'cat-file',
      '--batch-all-objects',
      '--batch-check=%(objectname) %(objecttype) %(objectsize)',
    )
    for (const line of listed.split('\n')) {
      const [oid = '', type, size] = line.split(' ')
      const read = await objects.read(oid, LIMIT, false)
      if (read.kind !== 'object') throw new Error(`${oid} is ${read.kind}`)
      expect([read.object.type, String(read.object.data.length)]).toEqual([type, size])
      const content = Buffer.from(read.object.data)
      expect(repository.gitWithInput(content, 'hash-object', '-t', type ?? '', '--stdin', '--literally')).toBe(oid)
    }
  } finally {
    await objects.close()
  }
}

describe('every object is read as git reads it', () => {
  test('loose', () => expectSame(versioned(8)))

  test('packed with offsets', async () => {
    const repository = versioned(20)
    repository.git('repack', '-q', '-a', '-d', '-f', '--depth=50', '--window=50')
    expect(
      repository.git('verify-pack', '-v', ...globSync('.git/objects/pack/*.idx', { cwd: repository.dir })),
    ).toContain('chain length = 5')
    await expectSame(repository)
  }, 60_000)

  test('packed with names as bases, in chains longer than any default', async () => {
    const repository = versioned(70)
    repository.git('config', 'repack.useDeltaBaseOffset', 'false')
    repository.git('repack', '-q', '-a', '-d', '-f', '--depth=200', '--window=200')
    expect(
      repository.git('verify-pack', '-s', ...globSync('.git/objects/pack/*.idx', { cwd: repository.dir })),
    ).toContain('chain length = 6')
    await expectSame(repository)
  }, 60_000)

  test('in several packs, and loose beside them', async () => {
    const repository = versioned(4)
    repository.git('repack', '-q', '-d')
    repository.commit({ 'more.txt': 'more\n' })
    repository.git('repack', '-q', '-d')
    repository.commit({ 'most.txt': 'most\n' })
    expect(globSync('.git/objects/pack/*.pack', { cwd: repository.dir })).toHaveLength(2)
    await expectSame(repository)
  })
})

describe('what is too large or binary', () => {
  test.each(['loose', 'packed'])('is known without being read, %s', async (form) => {
    const repository = makeRepository()
    made.push(repository)
    const zeros = Buffer.alloc(32 * 1024 * 1024)
    repository.commit({
      'large.txt': Buffer.alloc(3 * LIMIT, 'a'),
      'zeros.bin': zeros,
      'middle.bin': zeros.subarray(0, 900_000),
    })
    if (form === 'packed') repository.git('repack', '-q', '-a', '-d')
    const objects = new ObjectStore(join(repository.dir, '.git'), { count: 0 })
    const read = async (path: string) => objects.read(repository.git('rev-parse', `HEAD:${path}`), LIMIT, false)
    expect(await read('large.txt')).toEqual({ kind: 'too large', bytes: 3 * LIMIT })
    expect(await read('zeros.bin')).toEqual({ kind: 'too large', bytes: zeros.length })
    expect(await read('middle.bin')).toEqual({ kind: 'binary', bytes: 900_000 })
    await objects.close()
  })
})

describe('a damaged repository', () => {
  test('is an error, and never a hang', async () => {
    const repository = versioned(12)
    repository.git('repack', '-q', '-a', '-d', '-f')
    const [pack = ''] = globSync('.git/objects/pack/*.pack', { cwd: repository.dir })
    const original = readFileSync(join(repository.dir, pack))
    const oids = repository
      .git('rev-list', '--objects', '--all')
      .split('\n')
      .map((line) => line.slice(0, 40))
    const broken = join(repository.dir, 'broken')
    mkdirSync(join(broken, 'objects/pack'), { recursive: true })
    copyFileSync(join(repository.dir, pack.replace(/pack$/, 'idx')), join(broken, 'objects/pack/p.idx'))
    let failures = 0
    for (let round = 0; round < 60; round += 1) {
      const bytes = Buffer.from(original)
      for (let flip = 0; flip < 40; flip += 1) {
        const at = 12 + ((round * 7919 + flip * 104729) % (bytes.length - 12))
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (flip % 8))
      }
      writeFileSync(join(broken, 'objects/pack/p.pack'), round === 0 ? bytes.subarray(0, bytes.length / 2) : bytes)
      const objects = new ObjectStore(broken, { count: 0 })
      for (const oid of oids) await objects.read(oid, LIMIT, true).catch(() => (failures += 1))
      await objects.close()
    }
    expect(failures).toBeGreaterThan(60)
  })

  test('may have an index that is none', async () => {
    const repository = versioned(2)
    repository.git('repack', '-q', '-a', '-d')
    writeFileSync(join(repository.dir, '.git/objects/pack/pack-x.idx'), 'short')
    writeFileSync(join(repository.dir, '.git/objects/pack/pack-x.pack'), 'short')
    const objects = new ObjectStore(join(repository.dir, '.git'), { count: 0 })
    await expect(objects.read('a'.repeat(40), LIMIT, true)).rejects.toThrow(/damaged/)
    await objects.close()
  })

  test('may have a loose object that is none', async () => {
    const repository = versioned(1)
    const oid = repository.git('rev-parse', 'HEAD:long.txt')
    const path = join(repository.dir, '.git/objects', oid.slice(0, 2), oid.slice(2))
    const objects = new ObjectStore(join(repository.dir, '.git'), { count: 0 })
    repository.git('config', 'x.y', 'z')
    appendFileSync(path.replace(oid.slice(2), 'f'.repeat(38)), 'no zlib')
    await expect(objects.read(oid.slice(0, 2) + 'f'.repeat(38), LIMIT, true)).rejects.toThrow(/damaged/)
    await objects.close()
  })
})
