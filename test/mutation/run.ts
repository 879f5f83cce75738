/**
 * `npm run mutate`: changes one thing after the other in the parser and the matcher, in a copy of the tree, and asks
 * whether a test notices. Green if every mutant that no test kills is listed in survivors.md, with the reason why it
 * permits no more.
 *
 *   --files policy/decide.ts …   only these
 *   --every N                    each Nth mutant alone
 *   --search                     look for something that a survivor permits and the original does not
 *   --quick                      do not put the unlisted survivors to vitest itself
 *   --fresh                      forget what earlier runs killed; a survivor is always judged again
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openCourt } from './court.ts'
import { mutantsOf, type Mutant } from './mutants.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const SOURCES = [
  'runtime/policy/*.ts',
  'runtime/granted-credentials.ts',
  'runtime/definition/parse*.ts',
  'runtime/definition/{check-rules,deny-slips,node-reader,settings,sample-paths,question,yaml-source}.ts',
  'runtime/definition/{markdown-source,folder-path,problem-list,config,config-bounds,config-spending,http-template,json-node}.ts',
  'runtime/tool/{check-schema,narrow}.ts',
]
const TESTS = [
  'test/policy/*.test.ts',
  'test/granted-credentials.test.ts',
  'test/definition/*.test.ts',
  'test/tool/{check-schema,narrow}*.test.ts',
]
const COPIED = ['runtime', 'test', 'tools', 'agents', 'package.json', 'vitest.config.ts']

interface Case extends Mutant {
  readonly file: string
  readonly digest: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string', multiple: true },
    every: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    search: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
  },
})

const own = join(tmpdir(), `run-agent-mutation-${process.getuid?.() ?? 0}`)
const copy = join(own, `tree-${process.pid}`)
const killedFile = join(own, 'killed.txt')

function copyTree(): void {
  mkdirSync(copy, { recursive: true, mode: 0o700 })
  for (const part of COPIED) cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
}

function casesOf(file: string): readonly Case[] {
  const short = file.replace('runtime/', '')
  return mutantsOf(short, readFileSync(join(copy, file), 'utf8')).map((mutant) => ({
    ...mutant,
    file,
    digest: createHash('sha256').update(`${file}\n${mutant.text}`).digest('hex').slice(0, 24),
  }))
}

/** Each line `- …` of survivors.md is the name of a mutant. */
function listed(): ReadonlySet<string> {
  const text = readFileSync(new URL('survivors.md', import.meta.url), 'utf8')
  return new Set([...text.matchAll(/^- (.+)$/gm)].map(([, name = '']) => name))
}

/** Whether the tests themselves, with all their values, notice it. */
function failsVitest({ file, text }: Case, tests: readonly string[]): boolean {
  const original = readFileSync(join(copy, file), 'utf8')
  writeFileSync(join(copy, file), text)
  const vitest = join(ROOT, 'node_modules/.bin/vitest')
  const { status } = spawnSync(vitest, ['run', '--bail=1', '--maxWorkers=1', ...tests], { cwd: copy, timeout: 300_000 })
  writeFileSync(join(copy, file), original)
  return status !== 0
}

async function main(): Promise<number> {
  copyTree()
  const started = performance.now()
  const tests = globSync(TESTS, { cwd: copy })
  const wanted = [...(values.files ?? []), ...positionals].map((name) => `runtime/${name.replace(/^runtime\//, '')}`)
  const isWhole = wanted.length === 0
  const files = globSync(SOURCES, { cwd: copy }).filter((file) => isWhole || wanted.includes(file))
  const every = Number(values.every)
  const all = files.toSorted().flatMap(casesOf)
  const cases = all.filter((_, index) => index % every === 0)
  if (values.fresh) rmSync(killedFile, { force: true })
  const known = new Set(existsSync(killedFile) ? readFileSync(killedFile, 'utf8').split('\n') : [])
  const court = await openCourt(copy, tests, values.search)
  for (const reason of court.left) console.log(`left to vitest: ${reason}`)
  const survivors: Case[] = []
  let more = 0
  for (const one of cases) {
    if (known.has(one.digest)) continue
    const verdict = await court.judge(one)
    if (verdict.kind === 'killed') {
      appendFileSync(killedFile, `${one.digest}\n`)
      continue
    }
    survivors.push(one)
    const { difference } = verdict
    if (difference?.permitsMore === true) more += 1
    const found = difference?.what ?? ''
    console.log(`survives: ${one.file}:${one.line}\n- ${one.name}\n  ${found}`)
  }
  court.close()
  const names = listed()
  const confirmed = survivors.filter((one) => !names.has(one.name) && (values.quick || !failsVitest(one, tests)))
  for (const one of confirmed) console.log(`unlisted: ${one.file}:${one.line}\n- ${one.name}`)
  const existing = new Set(all.map(({ name }) => name))
  const gone = isWhole ? [...names].filter((name) => !existing.has(name)) : []
  for (const name of gone) console.log(`listed, but no mutant any more:\n- ${name}`)
  const minutes = ((performance.now() - started) / 60_000).toFixed(1)
  console.log(
    `${cases.length} mutants, ${cases.length - survivors.length} killed in one process, ${survivors.length} survive that, ` +
      `${more} of them seen to permit more, ${confirmed.length} are unlisted; ${minutes} minutes`,
  )
  return confirmed.length + more === 0 ? 0 : 1
}

process.once('exit', () => rmSync(copy, { recursive: true, force: true }))
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.exitCode = await main()
