/**
 * A process that consumes tokens in a race with others like it, all in the same order. Arguments: the store, a file
 * with the tokens as JSON, and `consume`, or `select-then-update` for what must not be done. Says `ready`, begins when
 * its standard input ends, and prints the numbers of the tokens that it could use, as JSON.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { openActionTokens } from '../../runtime/credentials/chain/action-token.ts'
import { NOW, openFile, ROOT_KEY, tokenAction } from './grant-store.ts'

const [path = '', list = '', how = ''] = process.argv.slice(2)
const database = openFile(path)
const tokens = JSON.parse(readFileSync(list, 'utf8')) as readonly string[]
const { consume } = openActionTokens(database, { rootKey: ROOT_KEY, clock: { now: () => NOW }, networks: [] })
const select = database.prepare<[string], { uses: number; max_uses: number }>(
  'SELECT uses, max_uses FROM credential_grant WHERE id = ?',
)
const update = database.prepare<[string]>('UPDATE credential_grant SET uses = uses + 1 WHERE id = ?')

/** Asks first and writes then, each by itself. */
function selectThenUpdate(token: string): boolean {
  const id = createHash('sha256').update(token).digest('hex').slice(0, 32)
  const row = select.get(id)
  if (row === undefined || row.uses >= row.max_uses) return false
  return update.run(id).changes === 1
}

process.stdout.write('ready\n')
process.stdin.resume().on('end', () => {
  const used = tokens.flatMap((token, ordinal) => {
    const isOurs = how === 'consume' ? consume(token, tokenAction({ ordinal }), NOW).ok : selectThenUpdate(token)
    return isOurs ? [ordinal] : []
  })
  database.close()
  process.stdout.write(`${JSON.stringify(used)}\n`)
})
