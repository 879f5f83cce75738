/**
 * Runs in an isolate, with the real zod: a tool's default export, as data. Parameters become JSON Schema; what JSON
 * Schema cannot say is an error here, because it would silently do nothing where the tool runs.
 */

import type { z as Zod } from 'zod'
import { checkZodSchema } from './zod-support.ts'

export interface ToolDescription {
  readonly description: string
  readonly parameters: object
  readonly needs: unknown
}

/** Formats whose meaning in zod and in the validator is the same; elsewhere zod's own pattern says it all. */
const SHARED_FORMATS = new Set(['date', 'email', 'ipv4', 'uri', 'uuid'])

export function describeTool(tool: unknown, z: Pick<typeof Zod, 'toJSONSchema'>): ToolDescription {
  if (typeof tool !== 'object' || tool === null) {
    throw new Error('the default export is no tool: write `export default defineTool({ … })`')
  }
  const { description, parameters, needs, execute } = tool as Readonly<Record<string, unknown>>
  if (typeof description !== 'string' || description.trim() === '') {
    throw new Error('description must be text: it is what the model chooses by')
  }
  if (typeof execute !== 'function') throw new Error('execute must be a function')
  const { strippedObjects } = checkZodSchema(parameters)
  const schema = z.toJSONSchema(parameters as Zod.ZodObject, {
    io: 'input',
    unrepresentable: 'throw',
    override: ({ zodSchema, jsonSchema }) => {
      // zod drops what an object does not name; a model learns more from being told.
      if (strippedObjects.has(zodSchema)) jsonSchema.additionalProperties = false
      delete jsonSchema.contentEncoding
      delete jsonSchema.readOnly
      const saysPattern = jsonSchema.pattern !== undefined || jsonSchema.allOf !== undefined
      if (saysPattern && jsonSchema.format !== undefined && !SHARED_FORMATS.has(jsonSchema.format)) {
        delete jsonSchema.format
      }
    },
  })
  return copyOf({ description, parameters: schema, needs })
}

function copyOf(description: ToolDescription): ToolDescription {
  return JSON.parse(JSON.stringify(description)) as ToolDescription
}
