/** Sandboxes for tests: real processes, the real guest runtime, and a listener that answers from a function. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { findInstallation } from '../../runtime/node-installation.ts'
import { createProcessHost, nodeClock } from '../../runtime/node-processes.ts'
import type { Clock, ProcessHost } from '../../runtime/ports.ts'
import { GUEST_MODULES, PLATFORM_STAND_INS } from '../../runtime/sandbox/guest/platform-parts.ts'
import type { GuestCall, GuestCode, GuestEnd, GuestLimits, GuestRun } from '../../runtime/sandbox/guest-run.ts'
import { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { findBubblewrap, SANDBOX_ENVIRONMENT, walledCommand, type SandboxFiles } from '../../runtime/sandbox/walls.ts'
import { bundleFolder } from './bundling.ts'

export const installation = findInstallation()
export const processes = createProcessHost(SANDBOX_ENVIRONMENT)

/** Both ways of running a sandbox process; a test that needs one which does not stand here says so and is skipped. */
export const WALLS: readonly { readonly name: string; readonly outerWall: boolean; readonly skip: boolean }[] = [
  { name: 'behind bubblewrap', outerWall: true, skip: !bubblewrapStands() },
  { name: 'bare (bubblewrap does not stand here, or is left out)', outerWall: false, skip: false },
]

export function bubblewrapStands(): boolean {
  const bubblewrap = findBubblewrap(processes)
  if (bubblewrap === undefined || walledCommand(processes, installation.sandboxFiles(), bubblewrap) === undefined)
    return false
  return spawnSync(bubblewrap, ['--unshare-all', '--ro-bind', '/', '/', '/bin/true'], { timeout: 10_000 }).status === 0
}

const guestCodes = new Map<string, Promise<GuestCode>>()

async function guestCode(entry: string, guestModules: ReadonlySet<string>): Promise<GuestCode> {
  const known = guestCodes.get(entry)
  if (known !== undefined) return await known
  const bundled = bundleFolder(`${installation.root}/runtime/sandbox/guest`, `./${entry}`, {
    guestModules,
    standIns: PLATFORM_STAND_INS,
    clock: nodeClock,
  }).then(({ hash, code }) => ({ hash, name: entry, source: code }))
  guestCodes.set(entry, bundled)
  return await bundled
}

export interface SandboxFeatures {
  readonly outerWall?: boolean
  readonly processes?: ProcessHost
  readonly files?: SandboxFiles
  readonly clock?: Clock
  /** How long a part of the platform takes at least. */
  readonly platformMs?: number
  /** Hears each part of the guest platform that a process asks for. */
  readonly onPart?: (part: string) => void
  readonly platform?: (part: string) => Promise<GuestCode>
}

export async function openSandbox({ platformMs = 0, onPart, ...options }: SandboxFeatures = {}): Promise<Sandbox> {
  return new Sandbox({
    processes,
    clock: nodeClock,
    files: installation.sandboxFiles(),
    runtime: await guestCode('boot.ts', new Set()),
    platform: async (part) => {
      onPart?.(part)
      await new Promise((resolve) => setTimeout(resolve, platformMs))
      return await guestCode(`platform/${part}.ts`, GUEST_MODULES)
    },
    ...options,
  })
}

/** A module in the form that the bundler gives it. */
export function codeOf(source: string, name = 'tool.ts'): GuestCode {
  return { hash: createHash('sha256').update(source).digest('hex'), name, source }
}

/** A tool whose `execute` is this body; `args` and `require` are in sight. */
export function toolOf(body: string): GuestCode {
  return codeOf(
    `const { defineTool } = require('run-agent')\n` +
      `module.exports = { default: defineTool({ execute: async (args, context) => {\n${body}\n} }) }`,
  )
}

const LIMITS: GuestLimits = {
  wallMs: 5_000,
  cpuMs: 5_000,
  memoryBytes: 64 * 1024 * 1024,
  requestsMax: 10_000,
  resultBytesMax: 1024 * 1024,
  logBytesMax: 64 * 1024,
}

type CallOptions = Partial<Omit<GuestCall, 'limits'>> & { readonly limits?: Partial<GuestLimits> }

export function callOf(bundle: GuestCode, options: CallOptions = {}): GuestCall {
  return {
    entry: 'tool',
    input: '{}',
    seed: '00112233445566778899aabbccddeeff',
    now: 1_700_000_000_000,
    ...options,
    bundle,
    limits: { ...LIMITS, ...options.limits },
  }
}

/** What a listener says to one request: the payload of a delivery, or undefined to never answer. */
export type Answer = (request: { readonly op: string } & Readonly<Record<string, unknown>>, ordinal: number) => unknown

export interface Played {
  readonly end: GuestEnd
  readonly requests: readonly unknown[]
  readonly logs: readonly string[]
  readonly ms: number
}

export const ok = (value?: unknown): string => JSON.stringify({ ok: true, value })
export const fails = (code: string, message = code, name = 'Error'): string =>
  JSON.stringify({ ok: false, error: { name, code, message } })

/** Timers are answered at once; everything else is ENOENT. */
const answerTimers: Answer = (request) => (request.op === 'timer' ? ok() : fails('ENOENT'))

export async function play(sandbox: Sandbox, call: GuestCall, answer: Answer = answerTimers): Promise<Played> {
  const requests: unknown[] = []
  const logs: string[] = []
  const started = performance.now()
  const run: GuestRun = sandbox.run(call, {
    onRequest: (ordinal, payload) => {
      const request = JSON.parse(payload) as { op: string }
      requests.push(request)
      void Promise.resolve(answer(request, ordinal)).then((text) => {
        if (typeof text === 'string') run.deliver(ordinal, call.now + ordinal + 1, text)
      })
    },
    onLog: (level, text) => void logs.push(`${level}: ${text}`),
  })
  const end = await run.ended
  return { end, requests, logs, ms: performance.now() - started }
}

/** The value of a call that must succeed. */
export function valueOf({ end }: Played): unknown {
  if (end.kind !== 'ok') throw new Error(`the call ended with ${JSON.stringify(end)}`)
  return end.value
}
