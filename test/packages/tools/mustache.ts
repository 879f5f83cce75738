import { readFile } from 'node:fs/promises'
import Mustache from 'mustache'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Fills a template.',
  parameters: z.object({}),
  async execute() {
    const view = {
      who: 'Ada & Grace',
      items: [{ name: 'one' }, { name: 'two' }],
      shout: () => (text: string) => `${text}!`,
    }
    return {
      text: Mustache.render(await readFile('letter.mustache', 'utf8'), view, { item: '<li>{{name}}</li>' }),
      tokens: Mustache.parse('{{a}} {{#b}}c{{/b}}'),
    }
  },
})
