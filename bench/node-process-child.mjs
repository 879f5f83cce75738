/** The other end of node-process.ts. */
const waiting = new Map()
let ids = 0

function ask(message) {
  return new Promise((resolve) => {
    const id = ids++
    waiting.set(id, resolve)
    process.send({ ...message, id })
  })
}

process.on('message', async (message) => {
  if (message.body === undefined) {
    waiting.get(message.id)(message.value)
    waiting.delete(message.id)
    return
  }
  const AsyncFunction = (async () => {}).constructor
  const play = new AsyncFunction('input', 'host', 'wait', message.body)
  const value = await play(
    JSON.parse(message.inputJson ?? 'null'),
    () => ask({ kind: 'host' }),
    (ms) => ask({ kind: 'wait', ms }),
  )
  process.send({ kind: 'end', value })
})
