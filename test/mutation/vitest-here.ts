/**
 * What the tests import as `vitest` and as `fast-check` while mutants are judged: the same names in one process, so
 * that a test file costs milliseconds. Tests only gather here; who imports a file runs them.
 * Limits: an inline snapshot is not compared, and a property is tried on fewer values, from one seed.
 */
import realFc, { type IAsyncProperty, type IProperty, type Parameters } from 'fast-check'
import { chai } from 'vitest'

type Body = (...values: unknown[]) => unknown
type Hook = 'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll'

interface GatheredTest {
  readonly title: string
  readonly run: () => Promise<void>
}

export interface GatheredFile {
  readonly tests: readonly GatheredTest[]
  readonly start: () => Promise<void>
  readonly end: () => Promise<void>
}

let tests: GatheredTest[] = []
let hooks: Partial<Record<Hook, Body[]>> = {}
let finishing: Body[] = []

/** What was gathered since the last call. */
export function takeFile(): GatheredFile {
  const [gathered, of] = [tests, hooks]
  tests = []
  hooks = {}
  const start = (): Promise<void> => runAll(of.beforeAll)
  const end = (): Promise<void> => runAll(of.afterAll)
  const around = (run: () => Promise<void>) => async (): Promise<void> => {
    await runAll(of.beforeEach)
    try {
      await run()
    } finally {
      const last = finishing
      finishing = []
      await runAll([...last.toReversed(), ...(of.afterEach ?? [])])
    }
  }
  return { tests: gathered.map(({ title, run }) => ({ title, run: around(run) })), start, end }
}

async function runAll(bodies: readonly Body[] = []): Promise<void> {
  for (const body of bodies) await body()
}

const hook =
  (name: Hook) =>
  (body: Body): void =>
    void (hooks[name] ??= []).push(body)

export const beforeAll = hook('beforeAll')
export const beforeEach = hook('beforeEach')
export const afterEach = hook('afterEach')
export const afterAll = hook('afterAll')
export const onTestFinished = (body: Body): void => void finishing.push(body)

function add(title: string, ...rest: readonly unknown[]): void {
  const body = rest.find((part) => typeof part === 'function') as Body
  tests.push({ title, run: async () => void (await body()) })
}

/** `each` spreads a row that is an array, `for` does not. */
function table(spread: boolean, each: (title: string, run: () => unknown) => void) {
  return (rows: readonly unknown[]) =>
    (title: string, ...rest: readonly unknown[]): void => {
      const body = rest.find((part) => typeof part === 'function') as Body
      for (const row of rows) each(title, () => (spread && Array.isArray(row) ? body(...row) : body(row)))
    }
}

const tables = { each: table(true, add), for: table(false, add) }
const nothing = Object.assign((): void => undefined, {
  each: table(true, () => undefined),
  for: table(false, () => undefined),
})
const skipIf = (isSkipped: boolean) => (isSkipped ? nothing : test)
const runIf = (isRun: boolean) => skipIf(!isRun)

export const test = Object.assign(add, { ...tables, skipIf, runIf })
export const it = Object.assign(add.bind(undefined), { ...tables, skipIf, runIf })
const group = (_title: string, run: () => unknown): void => void run()
export const describe = Object.assign(group, { each: table(true, group) })

chai.util.overwriteMethod(chai.Assertion.prototype, 'toMatchInlineSnapshot', () => () => undefined)
export { expect } from 'vitest'

const RUNS_MAX = 100
const SEED = 20_261_124

function assertFewer(
  property: IProperty<unknown> | IAsyncProperty<unknown>,
  parameters?: Parameters<unknown>,
): unknown {
  const numRuns = Math.min(parameters?.numRuns ?? 100, RUNS_MAX)
  return realFc.assert(property, { ...parameters, numRuns, seed: SEED, endOnFailure: true })
}

// oxlint-disable-next-line import/no-default-export -- It stands for a module that has one.
export default { ...realFc, assert: assertFewer }
