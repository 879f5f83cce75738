import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse'
import { parse as parseNow } from 'csv-parse/sync'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Reads CSV at once and as a stream.',
  parameters: z.object({}),
  async execute() {
    const streamed: unknown[] = []
    for await (const record of createReadStream('table.csv', { highWaterMark: 7 }).pipe(parse({ columns: true }))) {
      streamed.push(record)
    }
    const text = await readFile('table.csv')
    return {
      streamed,
      now: parseNow(text, { columns: true, cast: true }),
      info: parseNow('a;b\n1;2', { delimiter: ';', info: true }).length,
      error: await new Promise((resolve) => {
        parse('a,b\n1', (error) => resolve(error?.code))
      }),
    }
  },
})
