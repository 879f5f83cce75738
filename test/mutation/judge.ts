/** Answers for one mutant after the other: which test it fails, or what it does otherwise than the original. */
import { openSearch, recording, type Difference } from './search.ts'
import { openTreeCopy } from './tree-copy.ts'
import { takeFile } from './vitest-here.ts'

export interface Task {
  readonly file: string
  readonly text: string
}

export type Verdict =
  | { readonly kind: 'killed'; readonly by: string }
  | { readonly kind: 'survived'; readonly difference: Difference | undefined }

/** What was learned from the tree as it is. */
export interface Trial {
  /** Test files, the cheapest first, with the files that each loads. */
  readonly tests: readonly (readonly [test: string, loads: readonly string[]])[]
  /** The tests that take no part, by name and place in their file, with the reason. */
  readonly left: readonly (readonly [key: string, reason: string])[]
}

export type Message =
  | { readonly kind: 'start'; readonly trial: Trial | undefined }
  | { readonly kind: 'judge'; readonly task: Task }
export type Answer =
  | Verdict
  /** Before each test. */
  | { readonly kind: 'alive' }
  | { readonly kind: 'ready'; readonly trial: Trial }

const [root = '', searching, ...tests] = process.argv.slice(2)

/** The disk makes it slow, and a part of its definitions is as good for this. */
const FEWER: readonly [string, string] = ['const DEFINITIONS = 10_000', 'const DEFINITIONS = 40']
/** A test that takes longer, or needs all its values to pass, is left to vitest. */
const LONGEST_MS = 40

const tree = openTreeCopy(root, (file, text) => recording(file, text.replace(...FEWER)))
let trial: Trial = { tests: [], left: [] }
let left: ReadonlySet<string> = new Set()
let search: Awaited<ReturnType<typeof openSearch>> | undefined

function send(answer: Answer): void {
  process.send?.(answer)
}

function cpuMs(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from)
  return Math.round((user + system) / 1000)
}

/** The first test of a file that fails, or that the file does not load; `end` is told of each test. */
async function failureOf(
  file: string,
  end?: (key: string, failed: boolean, ms: number) => void,
): Promise<string | undefined> {
  takeFile()
  try {
    await tree.load(file)
  } catch (cause) {
    return `${file} does not load: ${String(cause)}`
  }
  const gathered = takeFile()
  try {
    await gathered.start()
    for (const [index, { title, run }] of gathered.tests.entries()) {
      // Rows of one table share a title.
      const key = `${file} ${title} ${index}`
      if (left.has(key)) continue
      send({ kind: 'alive' })
      const from = process.cpuUsage()
      const failed = await run().then(
        () => false,
        () => true,
      )
      end?.(key, failed, cpuMs(from))
      if (failed && end === undefined) return `${file} ${title}`
    }
    return undefined
  } catch {
    return `${file} cannot start`
  } finally {
    await gathered.end()
  }
}

async function tryTests(): Promise<Trial> {
  const skipped: [string, string][] = []
  const tried: { test: string; loads: readonly string[]; ms: number }[] = []
  for (const test of tests) {
    tree.renew('', '')
    const from = process.cpuUsage()
    const failure = await failureOf(test, (key, failed, ms) => {
      if (failed) skipped.push([key, 'fails on fewer values'])
      else if (ms > LONGEST_MS) skipped.push([key, `takes ${ms} ms`])
    })
    if (failure === undefined) tried.push({ test, loads: [...tree.loaded()], ms: cpuMs(from) })
    else skipped.push([test, failure])
  }
  const ordered = tried.toSorted((a, b) => a.ms - b.ms)
  return { tests: ordered.map(({ test, loads }) => [test, loads]), left: skipped }
}

async function judge({ file, text }: Task): Promise<Verdict> {
  tree.renew(file, text)
  const [, folder, base = ''] = file.split('/')
  // The tests of other folders are asked by vitest, of what these leave.
  const isNear = (test: string): boolean =>
    folder === 'tool' || base === '' || ['tool', folder].includes(test.split('/')[1])
  const concerned = trial.tests.filter(([test, loads]) => loads.includes(file) && isNear(test)).map(([test]) => test)
  const nearest = concerned.filter((test) => test.endsWith(`/${base.replace('.ts', '.test.ts')}`))
  for (const test of new Set([...nearest, ...concerned])) {
    const by = await failureOf(test)
    if (by !== undefined) return { kind: 'killed', by }
  }
  return { kind: 'survived', difference: await search?.(tree) }
}

async function answer(message: Message): Promise<void> {
  if (message.kind === 'judge') return send(await judge(message.task))
  // A search needs what the tests give to each function.
  const tried = message.trial === undefined || searching === 'search' ? await tryTests() : undefined
  trial = message.trial ?? tried ?? trial
  left = new Set(trial.left.map(([key]) => key))
  if (searching === 'search') search = await openSearch(tree)
  send({ kind: 'ready', trial })
}

process.on('message', (message: Message) => void answer(message))
