import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Fetches a URL by GET and writes the body to a file of the workspace; an existing file is replaced.',
  parameters: z.object({
    url: z.string().describe('Absolute'),
    path: z.string().describe('Relative to the workspace'),
  }),
  needs: { http: true, write: true, credentials: true },
  async execute({ url, path }) {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`HTTP ${answer.status} ${answer.statusText} of ${url}`)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    await written(path, bytes)
    return { path, bytes: bytes.length, type: answer.headers.get('content-type'), url: answer.url }
  },
})

async function written(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
  }
}
