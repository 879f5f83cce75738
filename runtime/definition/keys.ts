/** The keys of every mapping of a definition: what the parser knows, and what the schemas and the tests go by. */
import type { KeyNames } from './node-reader.ts'

export const DEFINITION_KEYS = {
  supported: [
    'name',
    'description',
    'model',
    'script',
    'fallback',
    'instructions',
    'workspace',
    'settings',
    'tools',
    'budget',
    'require',
    'tests',
  ],
  unsupported: ['agents', 'output'],
} as const satisfies KeyNames

export const MODEL_KEYS = {
  supported: ['name', 'effort', 'temperature', 'maxOutput'],
  unsupported: [],
} as const satisfies KeyNames

export const INSTRUCTIONS_KEYS = { supported: ['file'], unsupported: [] } as const satisfies KeyNames

export const BUDGET_KEYS = {
  supported: ['turns', 'tokens', 'usd', 'time'],
  unsupported: [],
} as const satisfies KeyNames

export const REQUIRE_KEYS = { supported: ['walls'], unsupported: [] } as const satisfies KeyNames

export const TOOL_KEYS = {
  supported: [
    'from',
    'request',
    'description',
    'read',
    'write',
    'delete',
    'deny',
    'git',
    'http',
    'redirects',
    'headers',
    'credentials',
    'args',
    'limits',
    'repeat',
    'required',
    'approval',
  ],
  unsupported: [],
} as const satisfies KeyNames

export const LIMITS_KEYS = {
  supported: ['timeout', 'memory', 'calls', 'requests', 'result', 'log'],
  unsupported: [],
} as const satisfies KeyNames

export const TEST_KEYS = { supported: ['tool', 'permits', 'denies'], unsupported: [] } as const satisfies KeyNames

export const SETTING_KEYS = { supported: ['pattern', 'oneOf'], unsupported: [] } as const satisfies KeyNames
