/**
 * A process that needs a token that lives on. Arguments: the store, the text of its key file, a log, and `lease` or
 * `none`. Says `ready`, waits for a line, and refreshes the token of alice where it has expired: under a lease, or (to
 * show what the lease is for) as a careless program does. Each refresh adds a line to the log, as a provider would see
 * it; the value that this process ends up with is printed.
 */

import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { Leases } from '../../runtime/credentials/store/lease.ts'
import { SecretStore } from '../../runtime/credentials/store/secret-store.ts'
import { openStoreKey } from '../../runtime/credentials/store/store-key.ts'
import { openFile } from './store.ts'
import { REAL_CLOCK } from './trail.ts'

const [path = '', text = '', log = '', how = ''] = process.argv.slice(2)
const file = openFile(path)
const store = new SecretStore(file, { key: await openStoreKey(file, { kind: 'key-file', text }), clock: REAL_CLOCK })
const leases = new Leases(file, { clock: REAL_CLOCK, owner: `process ${process.pid}` })
const signal = AbortSignal.timeout(30_000)

function valid(): string | undefined {
  const found = store.read('alice', 'github')
  return found !== undefined && (found.expiresAtMs ?? 0) > Date.now() ? found.value : undefined
}

async function refresh(fence?: number): Promise<string> {
  const value = `the token of process ${process.pid}`
  appendFileSync(log, `${process.pid}\n`)
  await sleep(100)
  store.put('alice', 'github', { value, expiresAtMs: Date.now() + 60_000 }, 'current', fence)
  return value
}

process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
const key = { tenant: 'local', user: 'alice', credential: 'github' }
const found =
  how === 'lease'
    ? (valid() ?? (await leases.withLease(key, signal, async (fence) => valid() ?? (await refresh(fence)))))
    : (valid() ?? (await refresh()))
process.stdout.write(`${found}\n`)
file.close()
process.exit()
