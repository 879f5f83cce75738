/**
 * What is measured, and what must hold. Each round takes every system once, one after the other, so that what else
 * the machine does hits all of them alike; the first rounds are thrown away.
 */
import { figuresOf, type Figures } from './statistics.ts'
import type { System, Task } from './system.ts'

/** The systems by a short name. */
export type SystemName = 'ours' | 'raw' | 'run' | 'tanstack' | 'process' | 'node'

export interface Scenario {
  readonly name: string
  readonly unit: string
  readonly systems: readonly SystemName[]
  readonly rounds: number
  /** One sample. */
  readonly sample: (system: System, round: number) => Promise<number>
  readonly demands: readonly Demand[]
}

export interface Demand {
  readonly text: string
  /** The figure that is held to `limit`, from the medians. */
  readonly figure: (median: (system: SystemName) => number) => number
  readonly holds: (figure: number) => boolean
}

const WARM_ROUNDS = 3

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'fresh',
    unit: 'ms for a fresh call',
    systems: ['ours', 'raw', 'run', 'tanstack', 'process'],
    rounds: 60,
    sample: (system) => milliseconds(() => system.call({ body: 'return 1 + 1' })),
    demands: [atMost('ours', 1.5, 'raw'), atMost('ours', 0.5, 'run')],
  },
  {
    name: 'host-calls',
    unit: 'µs for each of 300 host calls, one after the other',
    systems: ['ours', 'raw', 'run', 'tanstack', 'process'],
    rounds: 15,
    sample: perHostCall(300, 'for (let call = 0; call < 300; call += 1) await host()'),
    demands: [atMost('ours', 0.8, 'run')],
  },
  {
    name: 'host-calls-64',
    unit: 'µs for each of 1920 host calls, 64 in flight',
    systems: ['ours', 'raw', 'run', 'process'],
    rounds: 12,
    sample: perHostCall(
      1920,
      'for (let lot = 0; lot < 30; lot += 1) await Promise.all(Array.from({ length: 64 }, () => host()))',
    ),
    demands: [{ text: 'ours ≤ 50 µs', figure: (median) => median('ours'), holds: (figure) => figure <= 50 }],
  },
  {
    name: 'waits',
    unit: 'ms for 20 host calls of 50 ms side by side',
    systems: ['ours', 'raw', 'run', 'tanstack'],
    rounds: 8,
    sample: (system) =>
      milliseconds(() => system.call({ body: 'await Promise.all(Array.from({ length: 20 }, () => wait(50)))' })),
    demands: [
      { text: 'ours ≤ 80 ms', figure: (median) => median('ours'), holds: (figure) => figure <= 80 },
      atMost('ours', 0.1, 'tanstack'),
    ],
  },
  {
    name: 'tasks',
    unit: 'tasks a second, each a fresh call with 5 host calls, 4 at once',
    systems: ['ours', 'raw', 'run', 'tanstack'],
    rounds: 10,
    sample: tasksPerSecond,
    demands: [
      {
        text: 'ours ≥ 1.5 × run',
        figure: (median) => median('ours') / median('run'),
        holds: (figure) => figure >= 1.5,
      },
    ],
  },
  {
    name: 'cpu',
    unit: 'ms for fib, sorting, JSON and regular expressions',
    systems: ['ours', 'raw', 'node'],
    rounds: 12,
    // Code that is new to the engine, in every system.
    sample: (system, round) => milliseconds(() => system.call({ body: `// ${round}\n${BUSY}` })),
    demands: [atMost('ours', 1.15, 'node')],
  },
  {
    name: 'megabyte',
    unit: 'ms for 0.9 MB of JSON in and out',
    systems: ['ours', 'raw'],
    rounds: 25,
    sample: (system) => milliseconds(() => system.call(ECHO)),
    demands: [atMost('ours', 2, 'raw')],
  },
]

/** fib(30), a sort, a JSON round trip and a search: some hundred milliseconds. */
const BUSY = `
const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2))
let state = 1
const next = () => (state = (state * 48271) % 2147483647)
const rows = Array.from({ length: 40000 }, (_, index) => ({ id: next(), name: 'row ' + index, tags: ['a', 'b'] }))
const sorted = rows.toSorted((one, other) => one.id - other.id)
const again = JSON.parse(JSON.stringify(sorted))
const text = again.map(({ name, id }) => name + ' = ' + id).join('; ')
const found = [...text.matchAll(/row (\\d+) = (\\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
return [fib(30), found, again.length]`

const ECHO: Task = {
  body: 'return input',
  inputJson: JSON.stringify(
    Array.from({ length: 9_000 }, (_, index) => ({ id: index, text: 'x'.repeat(70), on: true })),
  ),
}

export interface Measured {
  readonly scenario: Scenario
  readonly figures: ReadonlyMap<SystemName, Figures>
}

export async function measure(
  scenario: Scenario,
  systems: ReadonlyMap<SystemName, System>,
  share: number,
): Promise<Measured> {
  const rounds = WARM_ROUNDS + Math.max(3, Math.round(scenario.rounds * share))
  const samples = new Map<SystemName, number[]>(scenario.systems.map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, taken] of samples) {
      const system = systems.get(name)
      if (system === undefined) continue
      const sample = await scenario.sample(system, round)
      if (round >= WARM_ROUNDS) taken.push(sample)
      // What a system does once it has answered is not the next one's.
      await pause(PAUSE_MS)
    }
  }
  return { scenario, figures: new Map([...samples].map(([name, taken]) => [name, figuresOf(taken)])) }
}

const PAUSE_MS = 15

function atMost(system: SystemName, factor: number, other: SystemName): Demand {
  return {
    text: `${system} ≤ ${factor} × ${other}`,
    figure: (median) => median(system) / median(other),
    holds: (figure) => figure <= factor,
  }
}

async function milliseconds(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await act()
  return performance.now() - started
}

/** Microseconds; the fresh call that they are made in is counted with them. */
function perHostCall(count: number, body: string): Scenario['sample'] {
  return async (system) => ((await milliseconds(() => system.call({ body }))) * 1000) / count
}

const TASKS = 40
const TASKS_AT_ONCE = 4

async function tasksPerSecond(system: System): Promise<number> {
  let left = TASKS
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await system.call({ body: 'for (let call = 0; call < 5; call += 1) await host()' })
    }
  }
  const ms = await milliseconds(() => Promise.all(Array.from({ length: TASKS_AT_ONCE }, work)))
  return (TASKS * 1000) / ms
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
