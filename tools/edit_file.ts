import { writeFile } from 'node:fs/promises'
import { defineTool, z } from 'run-agent'
import { readText } from './files/text.ts'

function countOf(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) count += 1
  return count
}

export default defineTool({
  description: 'Replaces one piece of text in a file. `old` must occur exactly once, white space included.',
  parameters: z.object({
    path: z.string().describe('Relative to the workspace'),
    old: z.string().min(1).describe('The text to replace, with enough around it to be found exactly once'),
    new: z.string().describe('The text that takes its place'),
  }),
  needs: { read: true, write: true },
  async execute({ path, old, new: replacement }) {
    if (old === '') throw new Error('`old` is empty; write_file writes a whole file')
    if (old === replacement) throw new Error('`old` and `new` are the same')
    const text = await readText(path)
    const count = countOf(text, old)
    if (count === 0) throw new Error(`\`old\` does not occur in ${path}; read it and copy the text exactly`)
    if (count > 1) throw new Error(`\`old\` occurs ${count} times in ${path}; add lines around it until it is unique`)
    const at = text.indexOf(old)
    await writeFile(path, text.slice(0, at) + replacement + text.slice(at + old.length))
    return { path, line: text.slice(0, at).split('\n').length }
  },
})
