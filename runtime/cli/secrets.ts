/**
 * Where the secrets of one command come from: its sources, each made when it is first asked for, and the store behind
 * them, opened when something of it is needed.
 */
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { openCredentialsFile, type CredentialsFile } from '../credentials/credentials-file.ts'
import { GRANT_TABLES } from '../credentials/grant-row.ts'
import { newKeyText, type KeySource } from '../credentials/key-source.ts'
import type { LiveSecret, SecretSource } from '../credentials/secret.ts'
import { SecretStore } from '../credentials/secret-store.ts'
import { createEnvSource } from '../credentials/source-env.ts'
import { createEnvFileSource } from '../credentials/source-env-file.ts'
import { createExecSource } from '../credentials/source-exec.ts'
import { createFileSource } from '../credentials/source-file.ts'
import { createStoreSource } from '../credentials/source-store.ts'
import { keyKindOf, openStoreKey, type StoreKey } from '../credentials/store-key.ts'
import type { OperatorConfig } from '../definition/config.ts'
import type { CredentialConfig } from '../definition/config-credentials.ts'
import type { CredentialSource, PlainSource } from '../definition/config-source.ts'
import type { StoreKeyConfig } from '../definition/config-store.ts'
import { RunAgentError } from '../errors.ts'
import { makePrivateFolder } from '../node-folders.ts'
import { prepareCredentialsFile } from '../node-credentials-file.ts'
import { nodeClock } from '../node-processes.ts'
import { nodeCommands } from '../node-secret-command.ts'
import { nodeSecretFiles } from '../node-secrets.ts'
import { makeKeyFile, readKeyFile } from '../node-store-key.ts'
import type { CommandEnvironment } from './environment.ts'

const VERSION_KEY_BYTES = 32
/** A provider is asked once, and a run waits no longer for its answer. */
const REVOKE_MS = 10_000

export interface OpenStore {
  readonly file: CredentialsFile
  readonly key: StoreKey
  readonly secrets: SecretStore
}

export interface Secrets {
  /** Throws E_CREDENTIAL for a credential that the configuration does not have. */
  sourceOf(credential: string): Promise<SecretSource>
  fetch(credential: string, user: string, signal: AbortSignal): Promise<LiveSecret>
  /** Opens the store, and makes it and its key where there are none. */
  store(): Promise<OpenStore>
  /** A value was seen where it must not be: it is marked in the store, and ended at its provider where that can be done. */
  expose(secret: LiveSecret): Promise<void>
  /** Waits for what was begun. */
  close(): Promise<void>
}

export interface SecretsOptions {
  /** Folders that agents reach: no secret may lie there. */
  readonly workspaces: readonly string[]
}

export function openSecrets(
  environment: CommandEnvironment,
  config: OperatorConfig,
  { workspaces }: SecretsOptions,
): Secrets {
  const { uid } = environment.user
  const parts = {
    environment: environment.variables,
    secretVariables: secretVariables(config),
    files: nodeSecretFiles(uid, workspaces),
    commands: nodeCommands(uid, workspaces),
    mayHaveLines: false,
  }
  const versionKey = randomBytes(VERSION_KEY_BYTES)
  const sources = new Map<string, Promise<SecretSource>>()
  let opened: Promise<OpenStore> | undefined
  let toClose: CredentialsFile | undefined

  const plain = (name: string, source: PlainSource, more: { readonly versionKey: Uint8Array }): SecretSource => {
    const all = { ...parts, ...more }
    switch (source.kind) {
      case 'env':
        return createEnvSource(name, source.name, all)
      case 'file':
        return createFileSource(name, source.path, all)
      case 'env-file':
        return createEnvFileSource(name, source, all)
      case 'exec':
        return createExecSource(name, source, all)
      case 'store':
        throw new Error('a source of the store is made from the open store')
    }
  }

  const keySource = async (file: CredentialsFile): Promise<KeySource> => {
    const { key } = config.store
    if (key?.kind === 'passphrase') {
      const { value } = await plain('passphrase of the store', key.source, { versionKey }).fetch({
        user: environment.user.name,
        signal: new AbortController().signal,
      })
      return { kind: 'passphrase', text: value }
    }
    if (key?.kind === 'age-identity') return { kind: 'age-identity', text: readKeyFile(key.path) }
    return { kind: 'key-file', text: keyFileText(file, key, `${environment.folders.config}/store.key`) }
  }

  const open = async (): Promise<OpenStore> => {
    const path = config.store.file ?? `${environment.folders.state}/credentials.db`
    const file = openCredentialsFile(path, { prepareFile: prepareCredentialsFile, tables: [GRANT_TABLES] })
    toClose = file
    const key = await openStoreKey(file, await keySource(file))
    return { file, key, secrets: new SecretStore(file, { key, clock: nodeClock }) }
  }

  const make = async (name: string): Promise<SecretSource> => {
    const found = config.credentials.get(name)
    if (found === undefined) {
      throw new RunAgentError('E_CREDENTIAL', `the configuration has no credential ${name}`)
    }
    const { source } = found
    if (source.kind === 'store') {
      const { secrets } = await (opened ??= open())
      return createStoreSource({ store: secrets, credential: name, clock: nodeClock })
    }
    if (source.kind === 'github-app' || source.kind === 'oauth') throw new Error('not made here')
    // With a store, a version says the same in every run, and to nobody what the value is.
    const store = opened === undefined ? undefined : await opened
    return plain(name, source, { versionKey: store?.key.deriveKey('fingerprint') ?? versionKey })
  }

  const sourceOf = (name: string): Promise<SecretSource> => {
    const known = sources.get(name)
    if (known !== undefined) return known
    const made = make(name)
    sources.set(name, made)
    return made
  }

  const exposing = new Set<Promise<void>>()
  const expose = async (secret: LiveSecret): Promise<void> => {
    const { credential, user, version } = secret
    const source = await sourceOf(credential)
    if (config.credentials.get(credential)?.source.kind === 'store') {
      const { secrets } = await (opened ??= open())
      secrets.markExposed(user, credential, Number(version))
    }
    await source.revoke?.(secret, AbortSignal.timeout(REVOKE_MS))
  }

  return {
    sourceOf,
    fetch: async (name, user, signal) => await (await sourceOf(name)).fetch({ user, signal }),
    store: () => (opened ??= open()),
    expose(secret) {
      const done = expose(secret)
      exposing.add(done)
      return done
    },
    close: async () => {
      await Promise.allSettled(exposing)
      toClose?.close()
    },
  }
}

/** The key file that the configuration names must be there; the user's own is made with a new store. */
function keyFileText(file: CredentialsFile, key: StoreKeyConfig | undefined, ownPath: string): string {
  if (key?.kind === 'key-file' && keyKindOf(file) !== undefined) return readKeyFile(key.path)
  const path = key?.kind === 'key-file' ? key.path : ownPath
  if (keyKindOf(file) !== undefined) return readKeyFile(path)
  if (key === undefined) makePrivateFolder(dirname(path))
  return makeKeyFile(path, newKeyText())
}

/** Variables that hold secrets: nothing that is started sees them. */
function secretVariables(config: OperatorConfig): ReadonlySet<string> {
  const ofSource = (source: CredentialSource): readonly string[] => {
    if (source.kind === 'env') return [source.name]
    if (source.kind === 'github-app') return ofSource(source.key)
    return source.kind === 'oauth' && source.secret !== undefined ? ofSource(source.secret) : []
  }
  const ofStore = config.store.key?.kind === 'passphrase' ? ofSource(config.store.key.source) : []
  const named = [...config.credentials.values()].flatMap(({ source }: CredentialConfig) => ofSource(source))
  return new Set(['OPENAI_API_KEY', ...ofStore, ...named])
}
