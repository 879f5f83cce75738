/** Random programs for guests: tasks that race for one list, by everything of the language whose order could differ. */

/** mulberry32: the tests are the same each time. */
export function chanceFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const WAITS = [
  'await new Promise((done) => setTimeout(done, Math.floor(Math.random() * 50)))',
  'seen.push((await fs.readFile(name + step, "utf8")).length)',
  'seen.push(await fs.stat(name).then((stat) => stat.mtimeMs, (error) => error.code))',
  'await Promise.race([fs.stat(name), fs.readdir(name).then((all) => seen.push(all.length))])',
  'seen.push(await Promise.any([fs.stat("x"), fs.readdir("y"), fs.stat("z")]).then(() => 1, (all) => all.errors.map((e) => e.code).join()))',
  'seen.push((await Promise.allSettled([fs.stat("a"), sleep(3), fs.readdir("b")])).map((one) => one.status).join())',
  'for await (const item of ticks(3)) { seen.push(item); if (item === 1 && Math.random() < 0.5) break }',
  'seen.push((await Array.fromAsync([sleep(2), fs.readdir("q").catch(() => 7), 3, ticks(2).next()])).map(shown).join())',
  'for (const one of [sleep(5), sleep(1)]) void one.then(() => seen.push("late " + name))',
  'await { then: (done) => queueMicrotask(() => done(seen.push("thenable"))) }',
  'await Promise.all([1, 2, 3].map(async (n) => { await (n % 2 ? sleep(n) : null); seen.push(name + n) }))',
  'await sleep(1).finally(() => seen.push(Date.now() % 100000))',
  'await using held = { async [Symbol.asyncDispose]() { await sleep(1); seen.push("disposed") } }; seen.push(typeof held)',
  'const { promise, resolve } = Promise.withResolvers(); setTimeout(resolve, 2, name); seen.push(await promise)',
]

const STEPS = [
  'seen.push([...Array(9).keys()].sort(() => Math.random() - 0.5).join(""))',
  'seen.push(new Date().toLocaleString(), String(new Date()).length)',
  'seen.push(Object.keys({ b: 1, 2: 1, a: 1, 1: 1, [name]: 1 }).join())',
  'console.log(name, step, seen.length, Math.random())',
  'seen.push(new Intl.DateTimeFormat("de", { dateStyle: "full", timeStyle: "long" }).format())',
  'const interval = setInterval(() => { seen.push("tick"); if (Math.random() < 0.6) clearInterval(interval) }, 3); stops.push(interval)',
  'const stopped = setTimeout(() => seen.push("never"), 9); clearTimeout(stopped)',
  'try { null[name] } catch (error) { seen.push(error.message, error.stack.split("\\n").length) }',
  'Promise.reject(new Error(name)).catch((error) => seen.push(error.message))',
  'seen.push([..."banana"].toSorted().join(""), [3, 1, 2].sort(new Intl.Collator().compare).join())',
  'seen.push(Math.sin(Math.random() * 1e6), Math.pow(Math.random(), 0.3), Math.hypot(Math.random(), 3))',
  'queueMicrotask(() => seen.push("micro " + name))',
]

/** The body of a tool's `execute`; two calls with one chance differ in nothing. */
export function racingProgram(chance: () => number): string {
  const one = (list: readonly string[]): string => list[Math.floor(chance() * list.length)] ?? ''
  const tasks = Array.from({ length: 2 + Math.floor(chance() * 3) }, (_, index) => {
    const steps = Array.from({ length: 2 + Math.floor(chance() * 3) }, (_, step) => {
      const act = chance() < 0.65 ? one(WAITS) : one(STEPS)
      return `try { const step = ${step}; if (Math.random() < 0.9) { ${act} } } catch (error) { seen.push(error.code ?? error.message) }`
    })
    return `(async (name) => { ${steps.join('\n')}; seen.push([name, Date.now() % 100000]) })('t${index}')`
  })
  return `
    const fs = require('node:fs/promises')
    const seen = []
    const stops = []
    const shown = (value) => JSON.stringify(value)
    const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
    async function* ticks(count) { for (let n = 0; n < count; n++) { await (Math.random() < 0.5 ? sleep(n) : null); yield n } }
    await Promise.all([${tasks.join(',\n')}])
    stops.forEach(clearInterval)
    return seen`
}
