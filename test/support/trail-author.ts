/** A process that writes whole runs beside others. Arguments: the trail, a prefix for its runs, how many runs. */

import { openTrail } from './trail.ts'

const [path = '', prefix = '', runs = '0'] = process.argv.slice(2)
const trail = openTrail(path)
await Promise.all(
  Array.from({ length: Number(runs) }, async (_, index) => {
    const recorder = trail.beginRun(`${prefix}-${index}`)
    await recorder.commit({ kind: 'run.start', data: { agent: prefix, task: 'shared '.repeat(1000) } })
    for (let ordinal = 0; ordinal < 20; ordinal++) {
      await recorder.commit({
        kind: 'host.request',
        call: 'call',
        ordinal,
        data: { request: { op: 'fs.write', path: 'x' } },
      })
      recorder.append({ kind: 'host.outcome', call: 'call', ordinal, data: { outcome: { ok: true } } })
    }
    await recorder.commit({ kind: 'run.end', data: { status: 'completed' } })
  }),
)
await trail.close()
