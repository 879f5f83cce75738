/** `run-agent schema agent|config|events`: prints a JSON Schema. */
import { RunAgentError } from '../errors.ts'
import { EXIT } from './exit-codes.ts'

export interface SchemaArguments {
  readonly subject: string
}

/** Each is loaded when it is asked for. */
const SCHEMAS: ReadonlyMap<string, () => Promise<object>> = new Map([
  ['agent', async () => (await import('../definition/schema.ts')).agentSchema()],
  ['config', async () => (await import('../definition/schema.ts')).configSchema()],
  ['events', async () => (await import('./run-events.ts')).eventsSchema()],
])

export async function schemaCommand({ subject }: SchemaArguments): Promise<number> {
  const schema = SCHEMAS.get(subject)
  if (schema === undefined) {
    throw new RunAgentError('E_USAGE', `schema ${subject}: there is no such schema`, {
      hint: `There are: ${[...SCHEMAS.keys()].join(', ')}.`,
    })
  }
  process.stdout.write(`${JSON.stringify(await schema(), undefined, 2)}\n`)
  return EXIT.completed
}
