/** What a repository may cost: of the calls of the host a tool call has 10,000, of memory 64 MB. */
import { execFileSync, spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Changes } from '../../tools/git_changes.ts'
import type { Measured } from '../support/measured-tool.ts'
import { makeRepository } from '../support/repository.ts'
import type { TestRepository } from '../support/repository.ts'

const CALLS_MAX = 8_000
const HEAP_BYTES_MAX = 64 * 1024 * 1024
const FILES = 5_000
const CHANGED = 2_000
const PACK_BYTES = 200 * 1024 * 1024

function measure(repository: TestRepository, args: object): Measured & { result: Changes } {
  const script = fileURLToPath(new URL('../support/measured-tool.ts', import.meta.url))
  const tool = fileURLToPath(new URL('../../tools/git_changes.ts', import.meta.url))
  const flags = ['--conditions=run-agent-checkout', '--max-old-space-size=64', '--expose-gc']
  const output = execFileSync(process.execPath, [...flags, script, tool, repository.dir, JSON.stringify(args)], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  return JSON.parse(output) as Measured & { result: Changes }
}

/** Reads all pages; each one is a call of its own. */
function measurePages(repository: TestRepository, args: object): Measured & { files: number; pages: number } {
  let total = { result: undefined, calls: 0, ms: 0, peakBytes: 0, files: 0, pages: 0 }
  for (let from: number | undefined = 0; from !== undefined;) {
    const page: ReturnType<typeof measure> = measure(repository, { ...args, from })
    total = {
      result: undefined,
      calls: Math.max(total.calls, page.calls),
      ms: total.ms + page.ms,
      peakBytes: Math.max(total.peakBytes, page.peakBytes),
      files: total.files + page.result.files.length,
      pages: total.pages + 1,
    }
    from = page.result.next
  }
  return total
}

describe('a commit of many files', () => {
  let repository: TestRepository
  const text = (file: number, version: number): string =>
    Array.from(
      { length: 25 },
      (_, line) => `const v${file}_${line} = ${line === 7 ? version : (file * line) % 97}\n`,
    ).join('')
  const tree = (count: number, version: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, file) => [`src/p${file % 40}/m${file % 400}/f${file}.ts`, text(file, version)]),
    )

  beforeAll(() => {
    repository = makeRepository([tree(FILES, 1), tree(CHANGED, 2)])
  })
  afterAll(() => repository.remove())

  test.each([
    ['loose', { content: false }],
    ['loose', { content: true }],
    ['packed', { content: false }],
    ['packed', { content: true }],
  ])(
    'stays within the calls when it is %s, %o',
    (form, args) => {
      if (form === 'packed') repository.git('gc', '-q')
      const { result: _, ...cost } = measurePages(repository, args)
      console.log(`${CHANGED} of ${FILES} files, ${form}, ${JSON.stringify(args)}: ${JSON.stringify(cost)}`)
      expect(cost.files).toBe(CHANGED)
      expect(cost.calls).toBeLessThan(CALLS_MAX)
      expect(cost.peakBytes).toBeLessThan(HEAP_BYTES_MAX)
    },
    60_000,
  )
})

/** One commit with 2,000 texts and a heap of random bytes, and one that changes some of each; written as one pack. */
async function importLarge(repository: TestRepository): Promise<void> {
  const git = spawn('git', ['-c', 'core.compression=0', 'fast-import', '--quiet'], {
    cwd: repository.dir,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(git, 'exit')
  const put = async (chunk: string | Uint8Array): Promise<void> => {
    if (!git.stdin.write(chunk)) await once(git.stdin, 'drain')
  }
  const file = async (path: string, content: Uint8Array): Promise<void> => {
    await put(`M 100644 inline ${path}\ndata ${content.length}\n`)
    await put(content)
    await put('\n')
  }
  const commit = (message: string): Promise<void> =>
    put(
      `commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata ${message.length}\n${message}\n`,
    )
  const text = (at: number, extra: string): Buffer =>
    Buffer.from(`start ${at}\n${'some line of text\n'.repeat(40)}${extra}end\n`)
  await commit('first')
  for (let at = 0; at < 2_000; at += 1) await file(`src/d${at % 50}/f${at}.txt`, text(at, ''))
  for (let at = 0; at * 1024 * 1024 < PACK_BYTES; at += 1) {
    await file(`assets/a${at}.bin`, randomFillSync(Buffer.alloc(1024 * 1024)))
  }
  await commit('second')
  for (let at = 0; at < 200; at += 1) await file(`src/d${at % 50}/f${at}.txt`, text(at, `added ${at}\n`))
  await file('assets/a1.bin', randomFillSync(Buffer.alloc(20 * 1024 * 1024)))
  await file('assets/a2.bin', randomFillSync(Buffer.alloc(900 * 1024)))
  git.stdin.end()
  await ended
}

describe('a pack of 200 MB', () => {
  let repository: TestRepository

  beforeAll(async () => {
    repository = makeRepository()
    await importLarge(repository)
  }, 120_000)
  afterAll(() => repository.remove())

  test('is read by ranges, within the heap of a tool', () => {
    const { result, ...cost } = measure(repository, { content: true })
    console.log(
      `a pack of ${repository.git('count-objects', '-v').match(/size-pack: \d+/)?.[0]} kB: ${JSON.stringify(cost)}`,
    )
    expect(result.total).toBe(202)
    const byPath = new Map(result.files.map((file) => [file.path, file]))
    expect(byPath.get('assets/a1.bin')).toMatchObject({ tooLarge: true, bytes: 20 * 1024 * 1024 })
    expect(byPath.get('assets/a2.bin')).toMatchObject({ binary: true, bytes: 900 * 1024 })
    expect(byPath.get('src/d0/f0.txt')).toMatchObject({ added: [{ line: 42, text: 'added 0' }], removed: 0 })
    expect(cost.calls).toBeLessThan(2_000)
    expect(cost.peakBytes).toBeLessThan(HEAP_BYTES_MAX)
  }, 60_000)

  test('may have to list all it holds', () => {
    const { result: _, ...cost } = measurePages(repository, { ref: 'HEAD~1' })
    console.log(`its first commit, all pages: ${JSON.stringify(cost)}`)
    expect(cost.files).toBe(2_200)
    expect(cost.calls).toBeLessThan(CALLS_MAX)
    expect(cost.peakBytes).toBeLessThan(HEAP_BYTES_MAX)
  }, 60_000)
})
