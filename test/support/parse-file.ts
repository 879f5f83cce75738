/** Parses one definition in a process of its own, and says how long that took and how much memory the process had. */
import { readFileSync } from 'node:fs'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { messageOf } from '../../runtime/errors.ts'
import { matchesWhole } from '../../runtime/node-regexp.ts'

const [file = ''] = process.argv.slice(2)
const bytes = readFileSync(file)
const given = bytes.includes('settings:') ? [['one', 'a'.repeat(60)] as const] : []
const values = {
  user: 'al',
  given: new Map(given),
  configured: new Map<string, string>(),
  matchesWhole,
}
const startedAt = performance.now()
let said = 'nothing'
try {
  parseDefinition({ file, text: bytes, values, isPublicSuffix: () => false })
} catch (error) {
  said = messageOf(error)
}
const ms = performance.now() - startedAt
process.stdout.write(JSON.stringify({ ms, rssBytes: process.resourceUsage().maxRSS * 1024, said: said.slice(0, 4000) }))
