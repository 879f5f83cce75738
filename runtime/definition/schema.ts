/**
 * JSON Schemas (draft 2020-12) of a definition and of the operator's configuration, for editors. They say what can be
 * said of a key by itself; the parser knows more, and is the one that decides.
 */
import {
  PATTERN_LENGTH_MAX,
  PATTERNS_PER_LIST_MAX,
  RUN_TOKENS_MAX,
  RUN_TURNS_LIMIT_MAX,
  TOOL_CALLS_MAX,
  TOOL_REQUESTS_LIMIT_MAX,
} from '../limits.ts'
import { MODEL_EFFORTS, REPEATS, WALLS } from './definition.ts'

type Schema = Readonly<Record<string, unknown>>

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'

const text = (description: string, more: Schema = {}): Schema => ({
  type: 'string',
  minLength: 1,
  description,
  ...more,
})
const count = (description: string, maximum: number): Schema => ({ type: 'integer', minimum: 1, maximum, description })
const duration = (description: string): Schema =>
  text(description, { pattern: '^[0-9]{1,12}(ms|s|m|h)$', examples: ['5s'] })
const size = (description: string): Schema =>
  text(description, { pattern: '^[0-9]{1,12}(KB|MB|GB)$', examples: ['32MB'] })
const list = (items: Schema, description: string): Schema => ({ type: 'array', minItems: 1, items, description })

/** No key but these, and `x-…`. */
function record(description: string, properties: Schema, required: readonly string[] = []): Schema {
  const names = required.length === 0 ? {} : { required }
  return {
    type: 'object',
    description,
    properties,
    ...names,
    patternProperties: { '^x-': {} },
    additionalProperties: false,
  }
}

/** Names that the writer chooses, each with such a value; none at all may be left blank. */
function map(description: string, names: string, values: Schema): Schema {
  return { type: ['object', 'null'], description, propertyNames: { pattern: names }, additionalProperties: values }
}

const pathRules = (description: string): Schema => ({
  ...list({ type: 'string', minLength: 1, maxLength: PATTERN_LENGTH_MAX }, description),
  maxItems: PATTERNS_PER_LIST_MAX,
})

const WALLS_SCHEMA = record('What a run needs of its machine.', {
  walls: list({ enum: WALLS }, 'Walls that must stand around a sandbox process; a missing one is exit 4.'),
})

const LIMITS = record(
  'The bounds of one call, and of the calls of one run. One that is reached ends the call with its name.',
  {
    timeout: duration('Wall-clock time of a call; 30s if missing.'),
    memory: size('Heap of a call; 64MB if missing.'),
    calls: count('Calls in one run; any number if missing.', TOOL_CALLS_MAX),
    requests: count('Requests of one call; 10000 if missing.', TOOL_REQUESTS_LIMIT_MAX),
    result: size('The result of a call; 1MB if missing.'),
    log: size('What a call prints; 64KB if missing.'),
  },
)

const TOOL = record('What one tool may do. Nothing listed grants nothing.', {
  from: text('`./tools/NAME.ts`, a tool of your own, or `run-agent/NAME`, one that comes with run-agent.'),
  request: text('A tool without code: `METHOD URL`, in which {name} stands for an argument.'),
  description: text('What the model is told of it.'),
  read: pathRules('Paths that it may read and list.'),
  write: pathRules('Paths that it may create and overwrite, missing folders included.'),
  delete: pathRules('Paths that it may delete.'),
  deny: pathRules('Paths that it may never touch, at any depth and in any case; wins over all rules.'),
  git: { const: 'read', description: "The repository's history, whatever the path rules say of the files of today." },
  http: pathRules('`METHOD[,METHOD] URL-pattern` that it may ask for.'),
  redirects: pathRules('What a granted request may be redirected to, by GET and without a credential.'),
  headers: map(
    'Headers: a fixed value, or * where the tool may set it.',
    "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    text('The value, or *.'),
  ),
  credentials: {
    type: 'array',
    items: text('A name in `credentials` of the operator.', { pattern: '^[a-z][a-z0-9_-]*$' }),
    minItems: 1,
    description: 'What its requests may be dressed with; the operator says where it comes from and what it is for.',
  },
  args: map('JSON Schemas that narrow its arguments.', '', { type: 'object', description: 'JSON Schema' }),
  limits: LIMITS,
  repeat: { enum: REPEATS, description: 'After a crash: run again, again with its idempotency key, or ask.' },
  required: { const: true, description: 'A run that completes without one successful call of it is exit 8.' },
  approval: { const: 'never' },
})

const MODEL_NAME = '^[a-z][a-z0-9_-]*/[^\\s/][^\\s]*$'
const MODEL: Schema = {
  description: 'Who plays: provider/name. Providers are configured by the operator.',
  anyOf: [
    text('provider/name', { pattern: MODEL_NAME }),
    record(
      'A model with its settings.',
      {
        name: text('provider/name', { pattern: MODEL_NAME }),
        effort: { enum: MODEL_EFFORTS },
        temperature: { type: 'number', minimum: 0, maximum: 2 },
        maxOutput: { type: 'integer', minimum: 1, description: 'Tokens that one answer may have.' },
      },
      ['name'],
    ),
  ],
}

/** Of an agent definition. */
export function agentSchema(): Schema {
  const body = record(
    'An agent with exactly the authority that is written here.',
    {
      name: text('The name of the agent.', { pattern: '^[a-z][a-z0-9_-]*$' }),
      description: text('What it is for.'),
      model: MODEL,
      script: text('A program that can play the model, relative to this file.'),
      fallback: { const: 'script', description: "The script plays where the model's provider is not configured." },
      instructions: {
        description: 'What the model is told.',
        anyOf: [text('In place.'), record('From a file.', { file: text('Relative to this file.') }, ['file'])],
      },
      workspace: text('Root of the path rules, relative to the current directory; --workspace wins.'),
      settings: map('Values that differ by run, place or user: ${name} in a rule.', '^[a-z][a-z0-9_]*$', {
        oneOf: [
          record('By a regular expression, which the whole value must match.', { pattern: text('With the flag u.') }, [
            'pattern',
          ]),
          record('By its values.', { oneOf: list({ type: 'string', minLength: 1 }, 'The values.') }, ['oneOf']),
        ],
      }),
      tools: map('The tools that the agent has, and no others.', '^[a-z][a-z0-9_]*$', TOOL),
      budget: record('What a run may use up; exit 5 when it has.', {
        turns: count('Turns of the model; 20 if missing.', RUN_TURNS_LIMIT_MAX),
        tokens: count('Tokens, input and output together.', RUN_TOKENS_MAX),
        usd: { type: 'number', exclusiveMinimum: 0, description: 'US dollars, by the prices of the configuration.' },
        time: duration('Wall-clock time; 10m if missing.'),
      }),
      require: WALLS_SCHEMA,
      tests: list(
        record(
          'One question of rights and its answer.',
          {
            tool: text('A tool of this definition.'),
            permits: text('read PATH, write PATH, delete PATH or METHOD URL'),
            denies: text('read PATH, write PATH, delete PATH or METHOD URL'),
          },
          ['tool'],
        ),
        'What `run-agent check` asks of these rules.',
      ),
    },
    ['name'],
  )
  return {
    $schema: DRAFT,
    title: 'run-agent: agent definition',
    ...body,
    anyOf: [{ required: ['model'] }, { required: ['script'] }],
  }
}

const NAME = '^[a-z][a-z0-9_-]*$'

const PROVIDERS = map(
  'Providers of models.',
  NAME,
  record('One provider.', {
    credential: text('A name in `credentials`.'),
    baseURL: text('https, or http to a loopback address.'),
    api: { enum: ['responses', 'chat'], description: 'responses if missing.' },
    prices: map(
      'What its models cost, in US dollars for a million tokens.',
      '',
      record(
        'One model.',
        {
          input: { type: 'number', minimum: 0 },
          output: { type: 'number', minimum: 0 },
        },
        ['input', 'output'],
      ),
    ),
  }),
)

const PLAIN_SOURCES: readonly Schema[] = [
  record('An environment variable.', { env: text('Its name.', { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, ['env']),
  record('A file that holds the secret and nothing else.', { file: text('Relative to this file.') }, ['file']),
  record(
    'A line of an .env file, 0600.',
    { 'env-file': text('Relative to this file.'), key: text('The name of the variable in it.') },
    ['env-file', 'key'],
  ),
  record(
    'What a command prints.',
    { exec: { type: 'array', items: { type: 'string' }, minItems: 1, description: 'Absolute path, then arguments.' } },
    ['exec'],
  ),
  record('The encrypted store.', { store: { const: true } }, ['store']),
]

const NESTED: Schema = { oneOf: PLAIN_SOURCES }
const TEXTS = { type: 'array', items: { type: 'string' }, minItems: 1 }

const SOURCES: readonly Schema[] = [
  ...PLAIN_SOURCES,
  record(
    'A token of a GitHub App.',
    {
      'github-app': record(
        'The app.',
        {
          app: { type: ['string', 'integer'], description: 'Its number or client id.' },
          installation: { type: 'integer', minimum: 1 },
          key: NESTED,
          repositories: { ...TEXTS, description: 'Without their owner.' },
          permissions: map('What the token may do.', '', { enum: ['read', 'write', 'admin'] }),
          baseURL: text('https://api.github.com if missing.'),
        },
        ['app', 'installation', 'key', 'repositories', 'permissions'],
      ),
    },
    ['github-app'],
  ),
  record(
    'OAuth 2.0.',
    {
      oauth: record(
        'The client.',
        {
          issuer: text('https.'),
          authorization: text('Without issuer: the authorization endpoint.'),
          token: text('Without issuer: the token endpoint.'),
          client: text('Its id.'),
          secret: NESTED,
          scopes: TEXTS,
          parameters: map('Sent besides.', '', text('The value.')),
          flow: { enum: ['code', 'device', 'client'] },
        },
        ['client', 'flow'],
      ),
    },
    ['oauth'],
  ),
]

const TIME = text('As 2026-12-31T18:00Z.')

const CREDENTIALS = map(
  'Where secrets come from, how they are sent, for what, and for whom.',
  NAME,
  record(
    'One credential.',
    {
      source: { oneOf: SOURCES },
      inject: {
        oneOf: [
          record(
            'A header.',
            {
              header: text('Its name.'),
              format: text('With {secret} once.', { pattern: '\\{secret\\}' }),
            },
            ['header', 'format'],
          ),
          record('HTTP Basic.', { basic: text('The name of the user.') }, ['basic']),
          record('A key of the query, which is logged.', { query: text('Its name.') }, ['query']),
        ],
      },
      for: { ...TEXTS, description: 'The most that a tool may use it for: `METHOD[,METHOD] URL-pattern`.' },
      users: { ...TEXTS, description: 'The one whose configuration it is, if missing.' },
      agents: map(
        'The definitions that have it.',
        NAME,
        record(
          'One definition, by its file or its lock.',
          {
            from: text('The file, relative to this one.'),
            lock: text('As `run-agent lock` prints it.', { pattern: '^sha256-[0-9a-f]{64}$' }),
            tools: TEXTS,
          },
          ['tools'],
        ),
      ),
      since: TIME,
      until: TIME,
      spending: list(
        record(
          'A ceiling of `usd`, `tokens` or both.',
          {
            per: {
              enum: ['key', 'user', 'agent'],
              description: 'What is counted together; `key`, which is all, if missing.',
            },
            usd: { type: 'number', exclusiveMinimum: 0, description: 'US dollars, by the prices of the provider.' },
            tokens: count('Tokens.', RUN_TOKENS_MAX),
            every: text('The time that ends now, as in 12h or 30d.', { pattern: '^[0-9]+[hd]$' }),
          },
          ['every'],
        ),
        'What the answers of models may cost that are asked with it.',
      ),
    },
    ['source'],
  ),
)

const STORE = record('The file of secrets and grants.', {
  file: text('Relative to this file.'),
  key: {
    description: 'What its key is made from.',
    oneOf: [
      record('A key file, 0600.', { file: text('Relative to this file.') }, ['file']),
      record('An age identity, 0600.', { age: text('Relative to this file.') }, ['age']),
      record('A passphrase.', { passphrase: NESTED }, ['passphrase']),
    ],
  },
})

/** Of the operator's configuration. */
export function configSchema(): Schema {
  const body = record("The operator's configuration of run-agent.", {
    providers: PROVIDERS,
    credentials: CREDENTIALS,
    store: STORE,
    settings: map('Values for the settings of definitions.', '', text('The value.')),
    audit: record('The trail.', { file: text('Relative to this file.') }),
    require: WALLS_SCHEMA,
    ceiling: record('The most that a definition which is not locked may use up.', {
      turns: count('Turns of the model.', RUN_TURNS_LIMIT_MAX),
      usd: { type: 'number', exclusiveMinimum: 0, description: 'US dollars.' },
    }),
    networks: list(
      record(
        'Hosts that lie at private addresses.',
        {
          hosts: list(text('Exact, or `*.` and a domain.'), 'The hosts.'),
          addresses: list(text('A range, as in 10.20.0.0/16.'), 'Every address of such a host must lie in one.'),
          http: { type: 'boolean', description: 'Whether `http:` is permitted there.' },
          ca: text('PEM of the authorities that sign their certificates; relative to this file.'),
        },
        ['hosts', 'addresses'],
      ),
      "The operator's own networks.",
    ),
    protected: list(
      record(
        'A protected path that one definition may be granted.',
        {
          agent: {
            oneOf: [
              record('Exactly this file.', { from: text('An absolute path.') }, ['from']),
              record(
                'Exactly these bytes.',
                { lock: text('As `run-agent lock` prints it.', { pattern: '^sha256-' }) },
                ['lock'],
              ),
            ],
          },
          path: text('Relative to the workspace.'),
        },
        ['agent', 'path'],
      ),
      'Protected paths that the operator grants.',
    ),
  })
  return { $schema: DRAFT, title: 'run-agent: configuration', ...body, type: ['object', 'null'] }
}
