/** The workspace that the tools of this folder read. */
import { makeRepository, type TestRepository } from '../support/repository.ts'

const FILES = {
  'page.html': `<!doctype html><html><body><h1>Old</h1>
<p><a href="https://a.example/?x=1&amp;y=2">One</a> <a href="/two">Two</a> <a href='https://b.example'>Three</a></p>
<table><tr><td>1<td> é </tr><tr><td>2</td><td><b>b</b></td></tr></table><ul><li>x<li>y<li>z</ul></body></html>`,
  'page.md':
    '# Title\n\nSome *text* with `code`, a [link](https://a.example) & a table:\n\n| a | b |\n|---|---|\n| 1 | é |\n\n```js\nlet a = 1 < 2\n```\n\n1. one\n   - nested\n2. two\n',
  'config.yaml':
    '# The server.\nserver:\n  host: a.example # where\n  port: 80\nlist: [1, 2.5, true, ~]\nanchor: &a { x: 1 }\nref: *a\n',
  'table.csv': 'name,age,note\nAda,36,"says ""hi"""\nGrace,85,"two\nlines"\nÉmile,,\n',
  'feed.xml':
    '<?xml version="1.0"?><rss version="2.0"><channel><title>News &amp; more</title><item id="1"><t>One</t></item><item id="2"><t><![CDATA[<Two>]]></t></item></channel></rss>',
  'letter.hbs': 'Dear {{who}} / {{{who}}}:\n{{#each items}}{{> item}}{{else}}none{{/each}}\n',
  'letter.mustache': 'Dear {{who}} / {{{who}}}:\n{{#items}}{{> item}}\n{{/items}}{{#shout}}hey{{/shout}}\n',
  'src/a.txt': 'first\n',
}

/** A repository with a history: loose objects, then a pack, then loose ones again, a branch and a tag. */
export function makeWorkspace(): TestRepository {
  const repository = makeRepository([FILES, { 'src/a.txt': 'second\n', 'src/b.txt': 'b\n' }])
  repository.git('gc', '-q')
  repository.git('tag', '-a', 'v1', '-m', 'version 1')
  repository.git('branch', 'topic')
  repository.commit({ 'src/a.txt': 'third é\n', 'src/b.txt': null, 'bin/data': new Uint8Array([0, 255, 1]) }, 'third')
  repository.write({ 'src/a.txt': 'changed\n', 'new.txt': 'new\n' })
  return repository
}
