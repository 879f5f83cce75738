import { createRequire } from 'node:module'

type AgentsSdk = typeof import('@openai/agents')
type OpenAISdk = typeof import('openai')

const SIGNALS = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'beforeExit',
  'exit',
  'unhandledRejection',
  'uncaughtException',
] as const

let loaded: { readonly agents: AgentsSdk; readonly openai: OpenAISdk } | undefined

/**
 * Loads @openai/agents with everything off that it does on its own: it uploads traces, prints, and listens to
 * signals so as to end the process. It is required rather than imported: only in one synchronous step are the
 * listeners that it adds told apart from those that our own code adds meanwhile. Takes about half a second, once.
 */
export function loadAgentsSdk(): { readonly agents: AgentsSdk; readonly openai: OpenAISdk } {
  if (loaded !== undefined) return loaded
  const require = createRequire(import.meta.url)
  const before = new Map(SIGNALS.map((name) => [name, process.rawListeners(name)]))
  const agents = require('@openai/agents') as AgentsSdk
  const openai = require('openai') as OpenAISdk
  agents.setTracingDisabled(true)
  agents.setTraceProcessors([])
  for (const name of SIGNALS) {
    for (const listener of process.rawListeners(name)) {
      if (before.get(name)?.includes(listener) !== true) process.removeListener(name, listener as () => void)
    }
  }
  loaded = { agents, openai }
  return loaded
}
