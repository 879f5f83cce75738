import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEnvFileSource, parseEnvFile } from '../../runtime/credentials/sources/source-env-file.ts'
import { nodeSecretFiles } from '../../runtime/node-secrets.ts'
import { asked, refusalOf, temporaryFolder, VALUE_RULES } from '../support/secret-parts.ts'

const parsed = (text: string): Record<string, string> => Object.fromEntries(parseEnvFile(text, '.env'))

describe('parseEnvFile()', () => {
  test.each<[string, Record<string, string>]>([
    ['', {}],
    ['# nothing\n\n  # here', {}],
    ['A=1', { A: '1' }],
    ['\ufeffA=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['export A=1\nexport\tB=2', { A: '1', B: '2' }],
    ['A=', { A: '' }],
    ['A=a#b', { A: 'a#b' }],
    ['A=ab # told', { A: 'ab' }],
    ["A='a # b' # told", { A: 'a # b' }],
    ['A="a \\"b\\" \\\\ \\n\\t\\$X"', { A: 'a "b" \\ \n\t$X' }],
    ["A='$HOME ${HOME} \\n'", { A: '$HOME ${HOME} \\n' }],
    ['A=a=b==', { A: 'a=b==' }],
    ['A=pa$$1', { A: 'pa$$1' }],
    ['__proto__=x', Object.fromEntries([['__proto__', 'x']])],
  ])('reads %j', (text, values) => expect(parsed(text)).toEqual(values))

  test.each<[string, RegExp]>([
    ['A', /line 1 of \.env: it is not KEY=VALUE/],
    ['A=1\n\nB', /line 3/],
    ['A=1\nB=2\nA=1', /line 3 of \.env: A stands in line 1 already/],
    ['A = 1', /not KEY=VALUE/],
    ['A= 1', /spaces/],
    ['1A=1', /not KEY=VALUE/],
    ['A-B=1', /not KEY=VALUE/],
    ['A: 1', /not KEY=VALUE/],
    ['exportA 1', /not KEY=VALUE/],
    ['A=sekret b', /spaces/],
    ['A=sek"ret', /quotation marks/],
    ['A=sek`id`', /quotation marks/],
    ['A=sek\\ret', /quotation marks/],
    ['A=#sekret', /begins with/],
    ["A='sekret", /not closed/],
    ['A="sekret\nsecond"', /line 1 .*not closed/],
    ["A='sekret'x", /something follows/],
    ['A="sekret\\"', /not closed/],
    ['A="sekret\\x41"', /unknown escape/],
    ['A=${sekret}', /nothing is replaced/],
    ['A=$sekret', /nothing is replaced/],
    ['A="$(sekret)"', /nothing is replaced/],
  ])('refuses %j and does not quote it', async (text, words) => {
    const said = await refusalOf(() => parsed(text))
    expect(said).toMatch(words)
    expect(said).not.toContain('sek')
  })

  test('reads again whatever was written in single or double quotation marks', () => {
    const key = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
    const value = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !/[\r\n]/.test(text))
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.boolean(), (values, isExported) => {
        const lines = Object.entries(values).map(([name, text]) => {
          const doubled = `"${text.replaceAll(/[\\"$]/g, String.raw`\$&`)}"`
          return `${isExported ? 'export ' : ''}${name}=${text.includes("'") ? doubled : `'${text}'`}`
        })
        expect(parsed(lines.join('\n'))).toEqual({ ...values })
      }),
    )
  })

  test('reads the largest file in little time, whatever is in it', () => {
    for (const piece of ['A=#', "A='", '"\\', ' ', '#', 'A="\\\\', '\n']) {
      const startedAt = performance.now()
      try {
        parsed(`A=${piece.repeat((256 * 1024) / piece.length)}`)
      } catch {
        // That it is refused is not the matter here.
      }
      expect(performance.now() - startedAt, piece).toBeLessThan(2000)
    }
  })
})

describe('{ env-file: PATH, key: NAME }', () => {
  const source = (path: string, key = 'TOKEN') =>
    createEnvFileSource(
      'github',
      { path, key },
      { ...VALUE_RULES, files: nodeSecretFiles(process.getuid?.() ?? -1, []) },
    )

  test('is one value of the file, and never enters the environment', async () => {
    const path = join(temporaryFolder(), '.env')
    writeFileSync(path, 'OTHER=1\nRUN_AGENT_TEST_TOKEN=token-12345\n', { mode: 0o600 })
    const found = await source(path, 'RUN_AGENT_TEST_TOKEN').fetch(asked())
    expect(found.value).toBe('token-12345')
    expect(JSON.stringify(process.env)).not.toContain('token-12345')
    expect(await refusalOf(() => source(path, 'NONE').fetch(asked()))).toContain('which')
    expect(await refusalOf(() => source(path, 'constructor').fetch(asked()))).toContain('lacks')
  })

  test('is refused in a file that others can read, and in one that is no text', async () => {
    const path = join(temporaryFolder(), '.env')
    writeFileSync(path, 'TOKEN=token-12345\n')
    chmodSync(path, 0o644)
    expect(await refusalOf(() => source(path).fetch(asked()))).toContain(`chmod 600 ${path}`)
    chmodSync(path, 0o600)
    expect(await source(path).fetch(asked())).toMatchObject({ value: 'token-12345' })
    writeFileSync(path, Buffer.from('TOKEN=tok\xff', 'latin1'))
    expect(await refusalOf(() => source(path).fetch(asked()))).toContain('UTF-8')
  })
})
