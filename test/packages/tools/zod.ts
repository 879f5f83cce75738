import { defineTool, z as own } from 'run-agent'
import { z } from 'zod'

const Order = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]{2}-\d+$/), count: z.int().min(1) })).min(1),
    note: z.string().trim().optional(),
  })
  .transform((order) => ({ ...order, total: order.lines.reduce((sum, { count }) => sum + count, 0) }))

export default defineTool({
  description: 'Checks an order.',
  parameters: own.object({}),
  async execute() {
    const order = {
      id: '123e4567-e89b-42d3-a456-426614174000',
      at: '2024-01-01T00:00:00Z',
      lines: [{ sku: 'AB-1', count: 2 }],
      note: ' x ',
    }
    const wrong = Order.safeParse({ ...order, id: 1, lines: [{ sku: 'x', count: 0 }] })
    return {
      parsed: Order.parse(order),
      issues: wrong.error?.issues,
      pretty: wrong.error === undefined ? '' : z.prettifyError(wrong.error),
      schema: z.toJSONSchema(z.object({ a: z.union([z.string(), z.number()]), b: z.record(z.string(), z.boolean()) })),
      later: await z
        .string()
        .refine(async (text) => text === 'x')
        .safeParseAsync('y')
        .then(({ success }) => success),
    }
  },
})
