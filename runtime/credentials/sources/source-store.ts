/** A credential whose values the users have put into the store of secrets (contract: `source: { store: true }`). */

import { RunAgentError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { LiveSecret, SecretQuestion, SecretSource } from '../secret.ts'
import type { SecretStore, StoredSecret } from '../store/secret-store.ts'

export interface StoreSourceOptions {
  readonly store: SecretStore
  readonly credential: string
  readonly clock: Pick<Clock, 'now'>
}

/**
 * One source is for one run. The first fetch for a user pins the version that is current; later ones give the same,
 * also when it is previous meanwhile. Once, when the server has rejected it or it cannot be read any longer, the run
 * falls forward to a newer version; after that there is no other.
 */
export function createStoreSource({ store, credential, clock }: StoreSourceOptions): SecretSource {
  const pins = new Map<string, { readonly version: number; readonly hasFallen: boolean }>()

  function fetch({ user, rejected }: SecretQuestion): LiveSecret {
    const pin = pins.get(user)
    const isRejected = pin !== undefined && rejected === String(pin.version)
    const pinned = pin === undefined || isRejected ? undefined : usable(store.read(user, credential, pin.version))
    const found = pinned ?? newer(user, pin, rejected)
    store.markUsed(user, credential, found.version)
    pins.set(user, { version: found.version, hasFallen: pin !== undefined && (pin.hasFallen || found !== pinned) })
    return liveSecret(found)
  }

  function newer(
    user: string,
    pin: { readonly version: number; readonly hasFallen: boolean } | undefined,
    rejected: string | undefined,
  ): StoredSecret {
    const ofUser = `the credential ${credential} of ${user}`
    if (pin?.hasFallen === true) {
      throw new RunAgentError('E_CREDENTIAL', `the server rejected two versions of ${ofUser}, or they are gone`, {
        hint: 'Store a valid value and start a new run.',
      })
    }
    const current = store.read(user, credential)
    if (current === undefined) {
      throw new RunAgentError('E_CREDENTIAL', `the store ${store.path} holds no value for ${ofUser}`, {
        hint: `Add one: run-agent credentials add ${credential} --user ${user}`,
      })
    }
    if (usable(current) === undefined) {
      throw new RunAgentError('E_CREDENTIAL', `version ${current.version} of ${ofUser} has expired`, {
        hint: `Store a new value: run-agent credentials add ${credential} --user ${user}`,
      })
    }
    const isNewer = pin === undefined ? String(current.version) !== rejected : current.version > pin.version
    if (isNewer) return current
    throw new RunAgentError('E_CREDENTIAL', `the server rejected version ${current.version} of ${ofUser}`, {
      hint: `The store has no newer one. Add it: run-agent credentials add ${credential} --user ${user}`,
    })
  }

  function usable(secret: StoredSecret | undefined): StoredSecret | undefined {
    const isOver = secret?.expiresAtMs !== undefined && secret.expiresAtMs <= clock.now()
    return isOver ? undefined : secret
  }

  return {
    origin: `the store ${store.path}`,
    isPerUser: true,
    async fetch(question) {
      question.signal.throwIfAborted()
      return fetch(question)
    },
  }
}

function liveSecret(secret: StoredSecret): LiveSecret {
  const { credential, user, version, value, related, expiresAtMs, scopes } = secret
  return { credential, user, version: String(version), value, related: Object.values(related), expiresAtMs, scopes }
}
