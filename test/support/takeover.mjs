// JavaScript that has taken over a sandbox process: tries one road after the other and tells over fd 3 what worked.
// Arguments: the addon, then JSON of { hostPid, port, canary, unixSocket, native, folder, disarm }; `disarm` is the
// module that the real process calls first.
import { Socket } from 'node:net'

// Errors that come later than an attempt waited for must not end it.
process.on('uncaughtException', () => undefined)

const pipe = new Socket({ fd: 3, readable: true, writable: true })
const { hostPid, port, canary, unixSocket, native, folder, disarm } = JSON.parse(process.argv.at(-1) ?? '{}')
const worked = []
if (disarm !== undefined) (await import(disarm)).disarm()

async function attempt(name, act) {
  try {
    await Promise.race([act(), new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 1200))])
    worked.push(name)
  } catch {
    // That is what the wall is for.
  }
}
const fs = await import('node:fs')
const net = await import('node:net')
const until = (emitter, event) =>
  new Promise((resolve, reject) => {
    emitter.once(event, resolve)
    emitter.once('error', reject)
  })
const must = (condition) => {
  if (!condition) throw new Error('no')
}

/** Files. */
for (const path of [
  '/etc/passwd',
  canary,
  '/proc/self/environ',
  `/proc/${hostPid}/environ`,
  `/proc/${hostPid}/cmdline`,
])
  await attempt(`read ${path === canary ? 'the canary' : path.replace(String(hostPid), 'HOST')}`, async () =>
    fs.readFileSync(path),
  )
await attempt('read through /proc/HOST/root', async () => fs.readFileSync(`/proc/${hostPid}/root${canary}`))
await attempt('read through /proc/HOST/cwd', async () => fs.readdirSync(`/proc/${hostPid}/cwd`))
await attempt('the host’s memory', async () => fs.closeSync(fs.openSync(`/proc/${hostPid}/mem`, 'r')))
await attempt('the host’s open files', async () => must(fs.readdirSync(`/proc/${hostPid}/fd`).length > 0))
await attempt('an open file of the host', async () => fs.closeSync(fs.openSync(`/proc/${hostPid}/fd/0`, 'r')))
await attempt('list the root', async () => fs.readdirSync('/'))
await attempt('stat', async () => fs.statSync(canary))
await attempt('a link to a file', async () => fs.symlinkSync(canary, `${folder}/link`))
await attempt('a hard link', async () => fs.linkSync(canary, `${folder}/hard`))
await attempt('rename', async () => {
  fs.renameSync(canary, `${canary}-moved`)
  fs.renameSync(`${canary}-moved`, canary)
})
await attempt('write beside', async () => fs.writeFileSync(`${folder}/written`, 'x'))
await attempt('write over', async () => fs.writeFileSync(canary, 'x'))
await attempt('write over its own entry', async () => fs.appendFileSync(process.argv[1], '\n'))
await attempt('write over the addon', async () => fs.closeSync(fs.openSync(process.argv[2], 'r+')))
await attempt('truncate', async () => fs.truncateSync(canary))
await attempt('remove', async () => fs.rmSync(`${folder}/other`))
await attempt('change a mode', async () => fs.chmodSync(canary, 0o777))
await attempt('watch', async () => fs.watch('/etc').close())
await attempt('a file of promises', async () => (await fs.promises.open(canary)).close())
await attempt('a stream', async () => until(fs.createReadStream(canary), 'open'))
await attempt('a buffer path', async () => fs.readFileSync(Buffer.from(canary)))
await attempt('a URL path', async () => fs.readFileSync(new URL(`file://${canary}`)))
await attempt('.. from its own file', async () => fs.readFileSync(`${process.argv[1]}/../../../../../..${canary}`))
await attempt('import a file', async () => import(canary))
await attempt('require a file', async () => (await import('node:module')).createRequire(process.argv[1])(canary))
await attempt('process.report', async () => must(process.report.writeReport(`${folder}/report.json`)))
await attempt('a heap snapshot', async () => (await import('node:v8')).writeHeapSnapshot(`${folder}/heap`))
await attempt('load an environment file', async () => process.loadEnvFile(canary))
await attempt('sqlite', async () =>
  new (await import('node:sqlite')).DatabaseSync(`${folder}/db`).exec('create table t (x)'),
)
await attempt('WASI', async () => new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } }))

/** Sockets. */
await attempt('tcp', async () => until(net.connect(port, '127.0.0.1'), 'connect'))
await attempt('tcp over IPv6', async () => until(net.connect(port, '::1'), 'connect'))
await attempt('listen', async () => until(net.createServer().listen(0, '127.0.0.1'), 'listening'))
await attempt('connect to a unix socket', async () => until(net.connect(unixSocket), 'connect'))
await attempt('an abstract unix socket', async () => until(net.createServer().listen('\0run-agent'), 'listening'))
await attempt('listen on a unix socket', async () => until(net.createServer().listen(`${folder}/socket`), 'listening'))
await attempt('udp', async () => {
  const socket = (await import('node:dgram')).createSocket('udp4')
  await new Promise((resolve, reject) =>
    socket.once('error', reject).send('x', port, '127.0.0.1', (e) => (e ? reject(e) : resolve())),
  )
})
await attempt('http', async () => until((await import('node:http')).get({ port, host: '127.0.0.1' }), 'response'))
await attempt('fetch', async () => fetch(`http://127.0.0.1:${port}/`))
await attempt('tls', async () => until((await import('node:tls')).connect({ port, host: '127.0.0.1' }), 'connect'))
await attempt('dns', async () => (await import('node:dns/promises')).resolve4('localhost'))
await attempt('the inspector', async () => {
  const { open, url } = await import('node:inspector')
  open(0, '127.0.0.1')
  must(url() !== undefined)
})

/** Processes and signals. */
const child = await import('node:child_process')
await attempt('spawn', async () => until(child.spawn(process.execPath, ['-e', '0']), 'spawn'))
await attempt('exec', async () => must(child.execSync('echo x').length > 0))
await attempt('fork', async () => until(child.fork(process.argv[1], { execArgv: [] }), 'spawn'))
await attempt('a worker', async () =>
  until(new (await import('node:worker_threads')).Worker('0', { eval: true }), 'online'),
)
await attempt('a cluster', async () => {
  const cluster = (await import('node:cluster')).default
  await until(cluster.fork(), 'online')
})
await attempt('signal the host', async () => process.kill(hostPid, 0))
await attempt('the host’s priority', async () => must((await import('node:os')).getPriority(hostPid) !== undefined))

/** Native code: a whole libc. */
await attempt('native code', async () => {
  const loaded = { exports: {} }
  process.dlopen(loaded, native)
  const { run } = loaded.exports
  for (const [name, code] of run(hostPid, port, canary, folder)) if (code >= 0) worked.push(`native: ${name}`)
})

pipe.write(`${JSON.stringify(worked)}\n`)
