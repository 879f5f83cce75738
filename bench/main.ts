/**
 * Measures the sandbox beside its peers: `npm run bench [-- --only NAME] [--share 0.5]`. Prints medians, 99th
 * percentiles and the ratios that must hold; the exit code is 1 where one does not.
 */
import { parseArgs } from 'node:util'
import { measureMemory } from './memory.ts'
import { nodeProcess } from './node-process.ts'
import { ours } from './ours.ts'
import { plainNode } from './plain-node.ts'
import { rawIsolatedVm } from './raw-isolated-vm.ts'
import { runQuickjs } from './run-quickjs.ts'
import { measure, SCENARIOS, type Measured, type SystemName } from './scenarios.ts'
import type { System } from './system.ts'
import { tanstack } from './tanstack.ts'

const OPENERS: Readonly<Record<SystemName, () => System | Promise<System>>> = {
  ours,
  raw: rawIsolatedVm,
  run: runQuickjs,
  tanstack,
  process: nodeProcess,
  node: plainNode,
}

const MEMORY = 'memory'

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, share: { type: 'string', default: '1' } } })
  const names = [...SCENARIOS.map(({ name }) => name), MEMORY]
  if (values.only !== undefined && !names.includes(values.only)) {
    throw new Error(`there is no scenario ${values.only}; there are: ${names.join(', ')}`)
  }
  const scenarios = SCENARIOS.filter(({ name }) => values.only === undefined || values.only === name)
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}; each round takes every system once\n`)
  let isGood = true
  const systems = new Map<SystemName, System>()
  for (const scenario of scenarios) {
    for (const name of scenario.systems) if (!systems.has(name)) systems.set(name, await OPENERS[name]())
    isGood = print(await measure(scenario, systems, Number(values.share)), systems) && isGood
  }
  for (const system of systems.values()) await system.close()
  if (values.only === undefined || values.only === MEMORY) {
    const { lines, holds } = await measureMemory()
    console.log(lines.join('\n'))
    isGood = holds && isGood
  }
  return isGood
}

function print({ scenario, figures }: Measured, systems: ReadonlyMap<SystemName, System>): boolean {
  console.log(`${scenario.name}: ${scenario.unit}`)
  console.log(`  ${'system'.padEnd(40)} ${'median'.padStart(9)} ${'p99'.padStart(9)} ${'samples'.padStart(8)}`)
  for (const [name, { median, p99, count }] of figures) {
    const shown = `${name.padEnd(9)} ${systems.get(name)?.name ?? ''}`
    console.log(
      `  ${shown.padEnd(40)} ${median.toFixed(2).padStart(9)} ${p99.toFixed(2).padStart(9)} ${String(count).padStart(8)}`,
    )
  }
  const median = (name: SystemName): number => figures.get(name)?.median ?? Number.NaN
  let isGood = true
  for (const { text, figure, holds } of scenario.demands) {
    const value = figure(median)
    isGood = holds(value) && isGood
    console.log(`  ${holds(value) ? 'holds' : 'FAILS'}  ${text}: ${value.toFixed(2)}`)
  }
  console.log('')
  return isGood
}

process.exitCode = (await main()) ? 0 : 1
