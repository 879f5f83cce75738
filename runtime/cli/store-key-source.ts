/** What the key of the store is made from, as the configuration says it. */
import { dirname } from 'node:path'
import type { CredentialsFile } from '../credentials/store/credentials-file.ts'
import { newKeyText, type KeySource } from '../credentials/store/key-source.ts'
import { createSource, type SourceParts } from '../credentials/sources/sources.ts'
import { keyKindOf } from '../credentials/store/store-key.ts'
import type { StoreKeyConfig } from '../definition/config-store.ts'
import { makePrivateFolder } from '../node-folders.ts'
import { makeKeyFile, readKeyFile } from '../node-store-key.ts'

/** To ask for the passphrase of the store. */
const PASSPHRASE_MS = 20_000

/**
 * A key file is made where the store has no key yet. @throws RunAgentError E_CREDENTIAL where what the configuration
 * names is not there, or others can read it.
 */
export async function keySource(
  file: CredentialsFile,
  config: StoreKeyConfig | undefined,
  configFolder: string,
  user: string,
  parts: SourceParts,
): Promise<KeySource> {
  if (config?.kind === 'passphrase') {
    const source = createSource('passphrase of the store', config.source, parts)
    const { value } = await source.fetch({ user, signal: AbortSignal.timeout(PASSPHRASE_MS) })
    return { kind: 'passphrase', text: value }
  }
  if (config?.kind === 'age-identity') return { kind: 'age-identity', text: readKeyFile(config.path) }
  const path = config?.path ?? `${configFolder}/store.key`
  // A new key would open no store that there is already.
  if (keyKindOf(file) !== undefined) return { kind: 'key-file', text: readKeyFile(path) }
  if (config === undefined) makePrivateFolder(dirname(path))
  return { kind: 'key-file', text: makeKeyFile(path, newKeyText()) }
}
