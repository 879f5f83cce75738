import { defineTool, z } from 'run-agent'
import { readText } from './files/text.ts'

/** What the host takes as one result, less its envelope. */
const RESULT_BYTES_MAX = 1_000_000

export default defineTool({
  description: 'Reads a UTF-8 text file of the workspace.',
  parameters: z.object({ path: z.string().describe('Relative to the workspace') }),
  needs: { read: true },
  async execute({ path }) {
    const text = await readText(path)
    const bytes = Buffer.byteLength(JSON.stringify(text))
    if (bytes > RESULT_BYTES_MAX) throw new Error(`${path} has ${bytes} bytes as JSON, which is too large for a result`)
    return text
  },
})
