import { readFile } from 'node:fs/promises'
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Reads XML and writes it again.',
  parameters: z.object({}),
  async execute() {
    const text = await readFile('feed.xml', 'utf8')
    const options = { ignoreAttributes: false, attributeNamePrefix: '@' }
    const value: unknown = new XMLParser(options).parse(text)
    return {
      value,
      xml: new XMLBuilder({ ...options, format: true }).build(value),
      invalid: XMLValidator.validate('<a><b></a>'),
    }
  },
})
