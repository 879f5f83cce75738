import { readFile } from 'node:fs/promises'
import { load } from 'cheerio'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Reads the links and the table of a page.',
  parameters: z.object({}),
  async execute() {
    const $ = load(await readFile('page.html', 'utf8'))
    $('h1').addClass('title').text('New')
    return {
      links: $('a[href^="https"]')
        .map((_, link) => [[$(link).attr('href'), $(link).text()]])
        .get(),
      rows: $('table tr')
        .toArray()
        .map((row) =>
          $(row)
            .find('td')
            .toArray()
            .map((cell) => $(cell).text().trim()),
        ),
      html: $.html(),
      extracted: $.extract({ title: 'h1', items: ['li:nth-child(odd)'] }),
    }
  },
})
