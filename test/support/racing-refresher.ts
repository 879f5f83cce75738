/** One process of several that all need the same token at the same moment. */
import { once } from 'node:events'
import { createOAuthSource } from '../../runtime/credentials/sources/source-oauth.ts'
import { messageOf } from '../../runtime/errors.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import { oauthSource, secretOfClient } from './oauth-source.ts'
import { sqliteTokenKeeper, type KeeperKind } from './sqlite-token-keeper.ts'

const [path = '', url = '', kind = '', racers = ''] = process.argv.slice(2)
const http = nodeHttpHost()
const tokens = sqliteTokenKeeper(path, kind as KeeperKind, Number(racers))
const source = createOAuthSource('github', oauthSource(url), {
  http,
  clock: { now: Date.now },
  versionKey: Buffer.alloc(32),
  secret: secretOfClient,
  tokens,
})
await tokens.read('alice', 'github')
process.send?.('ready')
await once(process, 'message')
let said: object
try {
  const { value, version } = await source.fetch({ user: 'alice', signal: AbortSignal.timeout(30_000) })
  said = { value, version }
} catch (error) {
  said = { error: messageOf(error) }
}
tokens.close()
await http.close()
process.send?.(said, () => process.exit())
