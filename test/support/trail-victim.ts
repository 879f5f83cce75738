/**
 * A process that gets killed: records intent after intent, each followed by its side effect (a file) and by its
 * outcome, without end. Arguments: the trail, the run, the folder of the side effects.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openTrail } from './trail.ts'

const [path = '', run = '', folder = ''] = process.argv.slice(2)
const recorder = openTrail(path).beginRun(run)
await recorder.commit({ kind: 'run.start', data: { agent: 'victim' } })
for (let ordinal = 0; ; ordinal++) {
  await recorder.commit({
    kind: 'host.request',
    call: 'call',
    ordinal,
    data: { request: { op: 'fs.write', path: 'x' } },
  })
  writeFileSync(join(folder, `${run}.${ordinal}`), '')
  recorder.append({ kind: 'host.outcome', call: 'call', ordinal, data: { outcome: { ok: true } } })
}
