/**
 * Where the secrets of one command come from: its sources, each made when it is first asked for, and the store behind
 * them, opened when something of it is needed.
 */
import { randomBytes } from 'node:crypto'
import { openCredentialsFile, type CredentialsFile } from '../credentials/store/credentials-file.ts'
import type { GrantOptions } from '../credentials/chain/grant-links.ts'
import { GRANT_TABLES } from '../credentials/chain/grant-row.ts'
import { Leases } from '../credentials/store/lease.ts'
import { agentTexts } from '../credentials/chain/grant-chain.ts'
import { openRevocations, REVOCATION_TABLES, revokedError } from '../credentials/chain/revocations.ts'
import type { LiveSecret, SecretSource } from '../credentials/secret.ts'
import { SecretStore } from '../credentials/store/secret-store.ts'
import { createSource, secretVariables, type SourceParts } from '../credentials/sources/sources.ts'
import { createStoreSource } from '../credentials/sources/source-store.ts'
import { openStoreKey, type StoreKey } from '../credentials/store/store-key.ts'
import { createStoreTokenKeeper } from '../credentials/sources/store-token-keeper.ts'
import type { OperatorConfig } from '../definition/config.ts'
import { Spending, SPENDING_TABLES } from '../credentials/spending.ts'
import { RunAgentError } from '../errors.ts'
import { assertUsable, type CredentialQuestion } from '../granted-credentials.ts'
import { isFile } from '../node-folders.ts'
import { prepareCredentialsFile } from '../node-private-file.ts'
import { nodeHttpHost } from '../node-http.ts'
import { nodeClock } from '../node-processes.ts'
import { nodeCommands } from '../node-secret-command.ts'
import { nodeSecretFiles } from '../node-secrets.ts'
import type { CommandEnvironment } from './environment.ts'
import { keySource } from './store-key-source.ts'

export interface OpenStore {
  readonly file: CredentialsFile
  readonly key: StoreKey
  readonly secrets: SecretStore
  readonly leases: Leases
}

const VERSION_KEY_BYTES = 32
/** A provider is asked once, and a run waits no longer for its answer. */
const REVOKE_MS = 10_000

/** The sources of one command. */
export class Secrets {
  readonly #environment: CommandEnvironment
  readonly #config: OperatorConfig
  readonly #http = nodeHttpHost()
  readonly #sources = new Map<string, SecretSource>()
  readonly #exposing = new Set<Promise<void>>()
  readonly parts: SourceParts
  #opened: Promise<OpenStore> | undefined
  #file: CredentialsFile | undefined

  /** `workspaces`: folders that agents reach; no secret may lie there. */
  constructor(environment: CommandEnvironment, config: OperatorConfig, workspaces: readonly string[]) {
    this.#environment = environment
    this.#config = config
    const { uid } = environment.user
    this.parts = {
      environment: environment.variables,
      secretVariables: variablesWithSecrets(config),
      files: nodeSecretFiles(uid, workspaces),
      commands: nodeCommands(uid, workspaces),
      http: this.#http,
      clock: nodeClock,
      tokens: createStoreTokenKeeper(() => this.store()),
      versionKey: randomBytes(VERSION_KEY_BYTES),
      createStoreSource: (name) => this.#storeSource(name),
    }
  }

  /** Throws E_CREDENTIAL for a credential that the configuration does not have. */
  sourceOf(credential: string): SecretSource {
    const known = this.#sources.get(credential)
    if (known !== undefined) return known
    const found = this.#config.credentials.get(credential)
    if (found === undefined) {
      throw new RunAgentError('E_CREDENTIAL', `the configuration has no credential ${credential}`)
    }
    const made = createSource(credential, found.source, this.parts)
    this.#sources.set(credential, made)
    return made
  }

  async fetch(credential: string, user: string, signal: AbortSignal): Promise<LiveSecret> {
    return await this.sourceOf(credential).fetch({ user, signal })
  }

  /** Opens the store, and makes it and its key where there are none. */
  store(): Promise<OpenStore> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  /**
   * Throws E_CREDENTIAL where a credential that something else than a tool uses may not be used by this user, not now, or
   * not any more, because it was revoked.
   */
  assertUsable(credential: string, question: CredentialQuestion): void {
    assertUsable(credential, question, nodeClock.now())
    const { user, realPath, digest } = question
    const sinceMs = this.#config.credentials.get(credential)?.sinceMs ?? 0
    // Nothing was ever revoked where there is no store, and none is made for asking.
    if (!isFile(this.#path)) return
    const revocations = openRevocations(this.#openFile().database)
    const agents = agentTexts(realPath, digest)
    const revoked = revocations.find(user, { credential, agents, tool: '' }, sinceMs)
    if (revoked !== undefined) throw revokedError(`the credential ${credential} may not be used`, revoked)
  }

  /** What each chain of grants begins with, and what its rules are read with. */
  grantOptions({ key }: OpenStore): GrantOptions {
    const networks = this.#config.networks.map(({ grant }) => grant)
    return { rootKey: key.deriveKey('grant-root'), clock: nodeClock, networks }
  }

  /** What models have cost; needs the file of the store, and none of its keys. */
  spending(): Spending {
    return new Spending({ file: this.#openFile(), clock: nodeClock })
  }

  /** A value was seen where it must not be: it is marked in the store, and ended at its provider where that can be. */
  expose(secret: LiveSecret): void {
    const done = this.#expose(secret)
    this.#exposing.add(done)
  }

  /** Waits for what was begun. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#exposing)
    await this.#http.close()
    this.#file?.close()
  }

  get #path(): string {
    return this.#config.store.file ?? `${this.#environment.folders.state}/credentials.db`
  }

  #openFile(): CredentialsFile {
    this.#file ??= openCredentialsFile(this.#path, {
      prepareFile: prepareCredentialsFile,
      tables: [GRANT_TABLES, REVOCATION_TABLES, SPENDING_TABLES],
    })
    return this.#file
  }

  async #open(): Promise<OpenStore> {
    const { folders, user } = this.#environment
    const file = this.#openFile()
    const key = await openStoreKey(
      file,
      await keySource(file, this.#config.store.key, folders.config, user.name, this.parts),
    )
    const leases = new Leases(file, { clock: nodeClock, owner: `${user.name} ${process.pid}` })
    return { file, key, secrets: new SecretStore(file, { key, clock: nodeClock }), leases }
  }

  #storeSource(credential: string): SecretSource {
    let made: Promise<SecretSource> | undefined
    const open = async (): Promise<SecretSource> => {
      const { secrets } = await this.store()
      return createStoreSource({ store: secrets, credential, clock: nodeClock })
    }
    return {
      origin: 'the store of secrets',
      isPerUser: true,
      fetch: async (question) => await (await (made ??= open())).fetch(question),
    }
  }

  async #expose(secret: LiveSecret): Promise<void> {
    const { credential, user, version } = secret
    const kind = this.#config.credentials.get(credential)?.source.kind
    if (kind === 'store' || kind === 'oauth') {
      const { secrets } = await this.store()
      if (/^\d+$/.test(version)) secrets.markExposed(user, credential, Number(version))
    }
    await this.sourceOf(credential).revoke?.(secret, AbortSignal.timeout(REVOKE_MS))
  }
}

/** Nothing that is started sees them. */
function variablesWithSecrets({ credentials, store }: OperatorConfig): ReadonlySet<string> {
  const ofStore = store.key?.kind === 'passphrase' ? secretVariables(store.key.source) : []
  const ofSources = [...credentials.values()].flatMap(({ source }) => secretVariables(source))
  return new Set(['OPENAI_API_KEY', ...ofStore, ...ofSources])
}
