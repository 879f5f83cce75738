/**
 * run-agent as a run takes it: the tool call decided and recorded, the real sandbox behind its walls, the broker, a
 * file of a real workspace for each host call, a trail on the disk.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteTrail } from '../runtime/audit/trail.ts'
import { createBroker } from '../runtime/broker/broker.ts'
import { openWorkspace } from '../runtime/broker/workspace.ts'
import { createWorldPerform } from '../runtime/broker/world.ts'
import { readEnvironment } from '../runtime/cli/environment.ts'
import { openWorkshop } from '../runtime/cli/workshop.ts'
import {
  RUN_TIME_MS,
  TOOL_CPU_MS,
  TOOL_LOG_BYTES_MAX,
  TOOL_MEMORY_BYTES,
  TOOL_REQUESTS_MAX,
  TOOL_RESULT_BYTES_MAX,
  TOOL_TIMEOUT_MS,
} from '../runtime/limits.ts'
import { nodeFileHost } from '../runtime/node-files.ts'
import { nodeClock } from '../runtime/node-processes.ts'
import { nodeWebHost } from '../runtime/node-web.ts'
import { prepareTrailFile } from '../runtime/node-private-file.ts'
import type { PlannedTool, RunPlan } from '../runtime/plan.ts'
import type { World } from '../runtime/run.ts'
import type { GuestCode } from '../runtime/sandbox/guest-run.ts'
import { createToolCalls } from '../runtime/tool-call.ts'
import type { System } from './system.ts'

const LIMITS: PlannedTool['limits'] = {
  wallMs: TOOL_TIMEOUT_MS,
  cpuMs: TOOL_CPU_MS,
  memoryBytes: TOOL_MEMORY_BYTES,
  requestsMax: TOOL_REQUESTS_MAX,
  resultBytesMax: TOOL_RESULT_BYTES_MAX,
  logBytesMax: TOOL_LOG_BYTES_MAX,
}

export async function ours(): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-bench-'))
  writeFileSync(join(folder, 'small.txt'), 'hello world')
  const workshop = openWorkshop({ ...readEnvironment(), currentFolder: folder })
  const sandbox = await workshop.createSandbox()
  const walls = await sandbox.start()
  const workspace = openWorkspace(nodeFileHost, folder)
  const trail = SqliteTrail.open(join(folder, 'trail.db'), { clock: nodeClock, prepareFile: prepareTrailFile })
  const recorder = trail.beginRun('bench')
  const world: World = {
    recorder,
    broker: createBroker(
      recorder,
      createWorldPerform(workspace, nodeClock, { host: nodeWebHost(), authoritiesOf: () => undefined }),
    ),
    model: { playedBy: 'nobody', turn: () => Promise.reject(new Error('nobody plays')), close: async () => {} },
    sandbox,
    stop: new AbortController().signal,
    plannedKill: () => undefined,
  }
  let calls = 0
  const call: System['call'] = async ({ body, inputJson = 'null' }) => {
    const plan = planOf(codeOf(body), folder, walls)
    const callId = `call-${(calls += 1)}`
    const { item } = await createToolCalls(plan, world).call({
      callId,
      tool: 'probe',
      argumentsJson: `{"input":${inputJson}}`,
    })
    if (item.status !== 'completed') throw new Error(`ours: ${JSON.stringify(item.output)}`)
    return item.output
  }
  return {
    name: `run-agent (${walls.join(', ')})`,
    call,
    /** Each waits for an answer that does not come while it is held. */
    async hold(count) {
      const reached = Array.from({ length: count }, () => Promise.withResolvers<void>())
      const runs = reached.map(({ resolve }) =>
        sandbox.run(
          { bundle: codeOf('await host()'), entry: 'tool', input: '{}', seed: '0'.repeat(32), now: 0, limits: LIMITS },
          { onRequest: () => resolve(), onLog: () => undefined },
        ),
      )
      await Promise.all(reached.map(({ promise }) => promise))
      return { release: async () => runs.forEach((run) => run.kill('released', 'the measurement is over')) }
    },
    async close() {
      await trail.close()
      workshop.close()
      workspace[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const codes = new Map<string, GuestCode>()

function codeOf(body: string): GuestCode {
  const known = codes.get(body)
  if (known !== undefined) return known
  const source =
    `const { defineTool } = require('run-agent')\nconst fs = require('fs/promises')\n` +
    `const host = () => fs.stat('small.txt')\nconst wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))\n` +
    `module.exports = { default: defineTool({ execute: async ({ input }) => {\n${body}\n} }) }`
  const code = { hash: createHash('sha256').update(source).digest('hex'), name: 'probe.ts', source }
  codes.set(body, code)
  return code
}

function planOf(bundle: GuestCode, workspace: string, walls: readonly string[]): RunPlan {
  const tool: PlannedTool = {
    name: 'probe',
    description: '',
    parameters: { type: 'object', properties: { input: {} } },
    grant: {
      tool: 'probe',
      paths: [{ right: 'read', pattern: '*.txt', place: 'bench.yaml:1:1' }],
      deny: [],
      git: undefined,
      http: [],
      redirects: [],
      headers: [],
      ownFiles: [],
    },
    bundle,
    limits: LIMITS,
    callsMax: undefined,
    narrowing: undefined,
    repeat: 'safe',
    required: false,
  }
  return {
    agent: 'bench',
    user: 'bench',
    task: '',
    definition: { file: '', hash: '' },
    playedBy: 'nobody',
    instructions: '',
    settings: {},
    tools: [tool],
    script: undefined,
    budget: { turns: 1, timeMs: RUN_TIME_MS, tokens: undefined, usd: undefined },
    price: undefined,
    values: {},
    seed: '0'.repeat(32),
    workspace,
    walls,
    versions: {},
    process: { pid: process.pid, startTime: '' },
  }
}
