/** What the sources of secrets are tested with. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { SecretQuestion } from '../../runtime/credentials/secret.ts'
import { RunAgentError } from '../../runtime/errors.ts'

export const VERSION_KEY = Buffer.alloc(32, 7)
export const VALUE_RULES = { versionKey: VERSION_KEY, mayHaveLines: false } as const

export const asked = (more: Partial<SecretQuestion> = {}): SecretQuestion => ({
  user: 'alice',
  signal: AbortSignal.timeout(30_000),
  ...more,
})

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-secrets-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What was thrown or rejected, as `code message (hint)`; fails where nothing was. */
export async function refusalOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
  } catch (thrown) {
    if (thrown instanceof RunAgentError) return `${thrown.code} ${thrown.message} (${thrown.hint ?? ''})`
    throw thrown
  }
  throw new Error('nothing was refused')
}
