/** A process that takes a lease on the store named by its argument, says so, and is killed while it holds it. */

import { Leases } from '../../runtime/credentials/store/lease.ts'
import { openFile } from './store.ts'
import { REAL_CLOCK } from './trail.ts'

const leases = new Leases(openFile(process.argv[2] ?? ''), { clock: REAL_CLOCK, owner: 'victim' })
const key = { tenant: 'local', user: 'alice', credential: 'github' }
await leases.withLease(key, AbortSignal.timeout(60_000), async (fence) => {
  process.stdout.write(`${fence}\n`)
  await new Promise((resolve) => setTimeout(resolve, 60_000))
})
