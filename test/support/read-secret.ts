/** Reads one secret file as run-agent does, in a process of its own: its mounts are not those of the tests. */
import { messageOf } from '../../runtime/errors.ts'
import { nodeSecretFiles } from '../../runtime/node-secrets.ts'

const [path = '', rule = ''] = process.argv.slice(2)
let said: string
try {
  const files = nodeSecretFiles(process.getuid?.() ?? -1, [])
  said = `read ${Buffer.from(files.read(path, rule === 'own' ? 'own' : 'mounted')).toString()}`
} catch (error) {
  said = messageOf(error)
}
process.stdout.write(`${said}\n`)
