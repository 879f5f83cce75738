import { readFile } from 'node:fs/promises'
import { defineTool, z } from 'run-agent'
import { parse, parseAllDocuments, parseDocument, stringify } from 'yaml'

export default defineTool({
  description: 'Reads YAML, changes it and writes it with its comments.',
  parameters: z.object({}),
  async execute() {
    const text = await readFile('config.yaml', 'utf8')
    const document = parseDocument(text)
    document.setIn(['server', 'port'], 8080)
    return {
      value: parse(text) as unknown,
      changed: String(document),
      many: parseAllDocuments('a: 1\n---\nb: !!binary aGk=\n').map((one) => String(Object.keys(Object(one.toJS())))),
      written: stringify({ list: [1, 'two', null], text: 'a\nb' }),
      errors: parseDocument('a: [1').errors.map(({ code, linePos }) => ({ code, linePos })),
    }
  },
})
