/** A host that waits to be killed while its guest loops. The argument says whether the outer wall stands. */
import { callOf, openSandbox, play, toolOf } from './sandbox.ts'

const sandbox = await openSandbox({ outerWall: process.argv[2] === 'true' })
await sandbox.start()
setTimeout(() => process.stdout.write('running'), 300)
await play(sandbox, callOf(toolOf('for (;;);'), { limits: { wallMs: 60_000, cpuMs: 60_000 } }))
