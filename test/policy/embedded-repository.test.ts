/** A folder with `HEAD`, `objects` and `refs` is a repository to git, and its configuration names a program to run. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import { grantOf, type GrantText } from '../support/grants.ts'

const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' }
const HAS_GIT = spawnSync('git', ['--version'], { env: ENVIRONMENT }).status === 0

/** Writes of the attack what the rules permit, has git look into the folder, and says whether a program ran. */
function plant(text: GrantText): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-embedded-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const marker = join(folder, 'ran')
  const grant = grantOf(text)
  const files = {
    'sub/HEAD': 'ref: refs/heads/main\n',
    'sub/objects/info/x': '',
    'sub/refs/heads/x': '',
    'sub/config': `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = "touch ${marker}; false"\n`,
  }
  for (const [path, contents] of Object.entries(files)) {
    const request = { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' } as const
    if (decide(grant, request, {}).kind === 'deny') continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), contents)
  }
  spawnSync('git', ['status'], { cwd: join(folder, 'sub'), env: ENVIRONMENT })
  return existsSync(marker)
}

// Without git there is nobody to execute it.
test.skipIf(!HAS_GIT)('a rule that spells nothing plants none', () => {
  expect(plant({ write: ['**'] })).toBe(false)
  expect(plant({ write: ['sub/*', 'sub/objects/**', 'sub/refs/**'] })).toBe(false)
})

test.skipIf(!HAS_GIT)('nor one that completes half a repository', () => {
  expect(plant({ write: ['**', 'sub/HEAD'] })).toBe(false)
  expect(plant({ write: ['**', 'sub/config'] })).toBe(false)
})

test.skipIf(!HAS_GIT)('and git does run the program of one that rules spell', () => {
  expect(plant({ write: ['**', 'sub/HEAD', 'sub/config'] })).toBe(true)
})

test.for(['HEAD', 'head', 'Head', 'a/b/HEAD'])('%s is spelled to be written, in any case', (path) => {
  const request = { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' } as const
  expect(decide(grantOf({ write: ['**'] }), request, {})).toMatchObject({ reason: 'executed-by-others' })
  expect(decide(grantOf({ write: ['**', path] }), request, {})).toMatchObject({ kind: 'permit', rule: `write ${path}` })
})
