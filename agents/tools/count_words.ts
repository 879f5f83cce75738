import { readFile } from 'node:fs/promises'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Counts the words of a text file.',
  parameters: z.object({ path: z.string().describe('Relative to the workspace') }),
  needs: { read: true },
  async execute({ path }) {
    const text = await readFile(path, 'utf8')
    return text.split(/\s+/).filter((word) => word !== '').length
  },
})
