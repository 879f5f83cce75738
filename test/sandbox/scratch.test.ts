import { test } from 'vitest'
import { callOf, openSandbox, play, toolOf, WALLS } from '../support/sandbox.ts'
test('x', async () => {
  for (const w of WALLS) {
    if (w.skip) { console.log('skip', w.name); continue }
    const t = performance.now()
    const s = await openSandbox({ outerWall: w.outerWall })
    console.log(w.name, await s.start(), performance.now() - t)
    for (let i = 0; i < 5; i++) console.log(JSON.stringify(await play(s, callOf(toolOf(`return [Object.getOwnPropertyNames(globalThis).length, Date.now()]`)))))
    s.close()
  }
})
