import { readFile } from 'node:fs/promises'
import Handlebars from 'handlebars'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Fills a template.',
  parameters: z.object({}),
  async execute() {
    Handlebars.registerHelper('loud', (text: string) => text.toUpperCase())
    Handlebars.registerPartial('item', '<li>{{loud name}}{{#if last}}.{{else}},{{/if}}</li>')
    const template = Handlebars.compile(await readFile('letter.hbs', 'utf8'))
    return {
      text: template({ who: 'Ada & Grace', items: [{ name: 'one' }, { name: 'two', last: true }] }),
      precompiled: typeof Handlebars.precompile('{{a}}'),
    }
  },
})
