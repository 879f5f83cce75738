/**
 * What a run is made of, all of it known before its first event and recorded there: a replay starts from the same
 * plan, read from the trail, and needs nothing else.
 */
import type { Json } from './audit/event.ts'
import type { Price } from './definition/config.ts'
import type { Budget, Repeat } from './definition/definition.ts'
import type { ModelSettings } from './model/model.ts'
import type { Grant } from './policy/grant.ts'
import type { GuestCode, GuestLimits } from './sandbox/guest-run.ts'

interface JsonObject {
  readonly [key: string]: Json | undefined
}

export interface PlannedTool {
  readonly name: string
  readonly description: string
  /** JSON Schema. */
  readonly parameters: JsonObject
  readonly grant: Grant
  readonly bundle: GuestCode
  readonly limits: GuestLimits
  /** How often the run may call it; undefined: as often as its turns allow. */
  readonly callsMax: number | undefined
  /** The tool's own parameters and the rules that narrow them, both JSON Schema; undefined where nothing does. */
  readonly narrowing: { readonly own: JsonObject; readonly rules: JsonObject } | undefined
  readonly repeat: Repeat
  /** Whether a run that completes without one successful call of it has failed. */
  readonly required: boolean
}

export interface RunPlan {
  readonly agent: string
  readonly user: string
  readonly task: string
  readonly definition: { readonly file: string; readonly hash: string }
  /** `provider/name` or `script`; who plays is never a silent choice. */
  readonly playedBy: string
  readonly instructions: string
  readonly settings: ModelSettings
  readonly tools: readonly PlannedTool[]
  readonly script: GuestCode | undefined
  readonly budget: Budget
  /** What the model's tokens cost; undefined where nobody says. */
  readonly price: Price | undefined
  /** The settings' values, for every tool. */
  readonly values: { readonly [name: string]: string }
  /** 32 hexadecimal digits; every seed of the run is derived from it. */
  readonly seed: string
  /** Shown, never opened by a replay. */
  readonly workspace: string
  readonly walls: readonly string[]
  readonly versions: { readonly [name: string]: string }
  /** The process that runs it: tells a running run from a crashed one. */
  readonly process: { readonly pid: number; readonly startTime: string }
}

/** The data of `run.start`. */
export function planData(plan: RunPlan): { readonly [key: string]: Json | undefined } {
  return {
    ...plan,
    settings: { ...plan.settings },
    definition: { ...plan.definition },
    budget: { ...plan.budget },
    price: plan.price === undefined ? undefined : { ...plan.price },
    values: { ...plan.values },
    process: { ...plan.process },
    script: plan.script === undefined ? undefined : { ...plan.script },
    tools: plan.tools.map((tool) => ({
      ...tool,
      grant: grantData(tool.grant),
      bundle: { ...tool.bundle },
      limits: { ...tool.limits },
      narrowing: tool.narrowing === undefined ? undefined : { ...tool.narrowing },
    })),
  }
}

function grantData(grant: Grant): { readonly [key: string]: Json | undefined } {
  return {
    ...grant,
    networks: grant.networks?.map((network) => ({ ...network })),
    credentials: grant.credentials?.map((credential) => ({
      ...credential,
      rules: credential.rules.map((rule) => ({ ...rule })),
      slot: { ...credential.slot },
    })),
    paths: grant.paths.map((rule) => ({ ...rule })),
    deny: grant.deny.map((rule) => ({ ...rule })),
    git: grant.git === undefined ? undefined : { ...grant.git },
    http: grant.http.map((rule) => ({ ...rule })),
    redirects: grant.redirects.map((rule) => ({ ...rule })),
    headers: grant.headers.map((rule) => ({ ...rule })),
  }
}
