import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Writes a text file of the workspace, with the folders it needs; an existing file is replaced.',
  parameters: z.object({
    path: z.string().describe('Relative to the workspace'),
    content: z.string().describe('The whole new text'),
  }),
  needs: { write: true },
  async execute({ path, content }) {
    try {
      await writeFile(path, content)
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    }
    return { path, bytes: Buffer.byteLength(content) }
  },
})
