import { readFile } from 'node:fs/promises'
import { marked } from 'marked'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Renders Markdown.',
  parameters: z.object({}),
  async execute() {
    const text = await readFile('page.md', 'utf8')
    return { html: await marked.parse(text), tokens: marked.lexer(text).map(({ type }) => type) }
  },
})
