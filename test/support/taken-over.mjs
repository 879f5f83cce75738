// What JavaScript can do that has taken over a sandbox process: tries everything and tells over fd 3 what worked.
import { Socket } from 'node:net'

// Errors that come later than an attempt waited for must not end it.
process.on('uncaughtException', () => undefined)

const pipe = new Socket({ fd: 3, readable: true, writable: true })
const worked = []
const [, canary = '/nowhere', hostPid = '0', port = '0'] = process.argv.slice(2)

async function attempt(name, act) {
  try {
    await Promise.race([act(), new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 1500))])
    worked.push(name)
  } catch {
    // That is what the wall is for.
  }
}
const connected = (socket) =>
  new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })

await attempt('inherited files', async () => {
  const { fstatSync } = await import('node:fs')
  // What follows the pipe is the first that Node opened for itself, an epoll, which has no type of file.
  if ((fstatSync(4).mode & 0o170000) === 0) throw new Error('none')
})
await attempt('environment', async () => {
  const others = Object.keys(process.env).filter((name) => !['TZ', 'LC_ALL', 'PWD'].includes(name))
  if (others.length === 0) throw new Error('empty')
})
await attempt('read /etc/passwd', async () => (await import('node:fs')).readFileSync('/etc/passwd'))
await attempt('read a file of the host', async () => (await import('node:fs')).readFileSync(canary))
await attempt('list a folder', async () => (await import('node:fs')).readdirSync('/tmp'))
await attempt('write a file', async () => (await import('node:fs')).writeFileSync('/tmp/run-agent-was-here', 'x'))
await attempt('read the parent', async () => (await import('node:fs')).readFileSync(`/proc/${hostPid}/environ`))
await attempt('signal the host', async () => process.kill(Number(hostPid), 0))
await attempt('spawn', async () => {
  const { spawnSync } = await import('node:child_process')
  const { error } = spawnSync(process.execPath, ['-e', '0'])
  if (error) throw error
})
await attempt('worker', async () => {
  const { Worker } = await import('node:worker_threads')
  const worker = new Worker('0', { eval: true })
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
})
await attempt('tcp', async () => connected((await import('node:net')).connect(Number(port), '127.0.0.1')))
await attempt('listen', async () => {
  const server = (await import('node:net')).createServer()
  await new Promise((resolve, reject) => server.listen(0, '127.0.0.1', resolve).once('error', reject))
})
await attempt('unix socket', async () => {
  const server = (await import('node:net')).createServer()
  await new Promise((resolve, reject) => server.listen('/tmp/run-agent-socket', resolve).once('error', reject))
})
await attempt('udp', async () => {
  const socket = (await import('node:dgram')).createSocket('udp4')
  await new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.send('x', Number(port), '127.0.0.1', (error) => (error ? reject(error) : resolve()))
  })
})
await attempt('dns', async () => (await import('node:dns/promises')).lookup('localhost'))
await attempt('sqlite', async () => {
  const { DatabaseSync } = await import('node:sqlite')
  new DatabaseSync(canary).close()
})
await attempt('inspector', async () => {
  const { open, url } = await import('node:inspector')
  open(0, '127.0.0.1')
  if (url() === undefined) throw new Error('it does not listen')
})
await attempt('fork', async () => {
  const { fork } = await import('node:child_process')
  const child = fork(process.argv[1], { execArgv: [] })
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  child.kill('SIGKILL')
})
await attempt('http', async () => {
  const { get } = await import('node:http')
  await new Promise((resolve, reject) =>
    get({ port: Number(port), host: '127.0.0.1' })
      .once('socket', (s) => s.once('connect', resolve))
      .once('error', reject),
  )
})
await attempt('another addon', async () => process.dlopen({ exports: {} }, canary.replace(/canary$/, 'planted.node')))
await attempt('the name of the machine', async () => {
  const { hostname } = await import('node:os')
  if (hostname() === 'sandbox') throw new Error('its own')
})
await attempt('the name of the user', async () => (await import('node:os')).userInfo().username)
await attempt('addresses', async () => {
  const { networkInterfaces } = await import('node:os')
  if (
    Object.values(networkInterfaces())
      .flat()
      .every(({ internal }) => internal)
  )
    throw new Error('none')
})

pipe.write(`${JSON.stringify(worked)}\n`)
