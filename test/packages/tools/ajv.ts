import { Ajv } from 'ajv'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Checks data by a JSON Schema, for which it generates code.',
  parameters: z.object({}),
  execute() {
    const validate = new Ajv({ allErrors: true }).compile({
      type: 'object',
      properties: {
        a: { type: 'integer', minimum: 1 },
        b: { type: 'string', pattern: '^x' },
        c: { $ref: '#/definitions/c' },
      },
      required: ['a'],
      additionalProperties: false,
      definitions: { c: { type: 'array', items: { enum: [1, 2] } } },
    })
    return {
      right: validate({ a: 1, b: 'xy', c: [1, 2] }),
      wrong: validate({ a: 0, b: 'y', c: [3], d: 1 }),
      errors: validate.errors,
    }
  },
})
