/** Attacks on a store of grants. Each is made once against a fresh store, and says what refused it, or `ok`. */

import type { TokenAction } from '../../runtime/credentials/chain/action-token.ts'
import {
  makeChain,
  makeStore,
  NOW,
  tamper,
  tokenAction,
  WIDE,
  type GrantModules,
  type GrantStore,
} from './grant-store.ts'
import { urlOf } from './authority-oracle.ts'

export type Attack = (store: GrantStore) => string

type Answer = { readonly ok: true } | { readonly ok: false; readonly rule: string }

function outcome(answer: Answer): string {
  return answer.ok ? 'ok' : answer.rule
}

export function outcomeOf(attack: Attack, modules?: GrantModules): string {
  using store = makeStore(modules)
  return attack(store)
}

export function tokenOf(store: GrantStore, tool: string, action: TokenAction = tokenAction(), now = NOW): string {
  const minted = store.tokens.mint(tool, action, now)
  if (!minted.ok) throw new Error(minted.why)
  return minted.token
}

/** The token is for one action, and is consumed for another. */
const consumeAs =
  (change: Partial<TokenAction>): Attack =>
  (store) => {
    const token = tokenOf(store, makeChain(store.grants).tool)
    return outcome(store.tokens.consume(token, tokenAction(change), NOW))
  }

const mintAs =
  (change: Partial<TokenAction>): Attack =>
  (store) =>
    outcome(store.tokens.mint(makeChain(store.grants).tool, tokenAction(change), NOW))

/** Something happens to the chain after the token was made. */
const consumeAfter =
  (act: (store: GrantStore, chain: ReturnType<typeof makeChain>) => void, now = NOW): Attack =>
  (store) => {
    const chain = makeChain(store.grants)
    const token = tokenOf(store, chain.tool)
    act(store, chain)
    return outcome(store.tokens.consume(token, tokenAction(), now))
  }

const revoking = (level: 'user' | 'agent' | 'tool' | 'action'): Attack =>
  consumeAfter(({ grants, database }, chain) => {
    const action = database.prepare("SELECT id FROM credential_grant WHERE level = 'action'").pluck().get() as string
    grants.revoke('alice', { id: level === 'action' ? action : chain[level] }, 'ops', 'stolen')
  })

const URL_BASE = 'https://api.example.com/repos/acme/'

/** By name, what refuses it. */
export const ATTACKS: Readonly<Record<string, readonly [rule: string, attack: Attack]>> = {
  'no attack at all': ['ok', consumeAs({})],
  'a token used twice': [
    'spent',
    (store) => {
      const token = tokenOf(store, makeChain(store.grants).tool)
      store.tokens.consume(token, tokenAction(), NOW)
      return outcome(store.tokens.consume(token, tokenAction(), NOW))
    },
  ],
  'a token at the end of its time': ['time', consumeAfter(() => undefined, NOW + 30_000)],
  'a token before its time': ['time', consumeAfter(() => undefined, NOW - 1)],
  'a token of another user': ['unknown', consumeAs({ user: 'bob' })],
  'a token that was guessed': [
    'unknown',
    (store) => {
      tokenOf(store, makeChain(store.grants).tool)
      return outcome(store.tokens.consume('A'.repeat(43), tokenAction(), NOW))
    },
  ],
  'the hash of a token for a token': [
    'unknown',
    (store) => {
      tokenOf(store, makeChain(store.grants).tool)
      const hash = store.database.prepare('SELECT token_sha256 FROM credential_grant WHERE depth = 3').pluck().get()
      return outcome(store.tokens.consume(String(hash), tokenAction(), NOW))
    },
  ],
  'for another credential': ['bound', consumeAs({ credential: 'gitlab' })],
  'for another agent': ['bound', consumeAs({ agent: { from: '/srv/agents/clerk.yaml' } })],
  'for another definition': ['bound', consumeAs({ agentDigest: 'sha256-a2' })],
  'for another tool': ['bound', consumeAs({ tool: 'merge' })],
  'for another bundle': ['bound', consumeAs({ bundle: 'sha256-b2' })],
  'in another run': ['bound', consumeAs({ run: '01JOTHER' })],
  'in another call': ['bound', consumeAs({ call: 'call_2' })],
  'for another request of the call': ['bound', consumeAs({ ordinal: 1 })],
  'with another method': ['bound', consumeAs({ method: 'GET' })],
  'for another URL': ['bound', consumeAs({ url: urlOf(`${URL_BASE}web/issues`) })],
  'for another query': ['bound', consumeAs({ url: urlOf(`${URL_BASE}shop/issues?page=2`) })],
  'with another body': ['bound', consumeAs({ body: Buffer.from('{"body":"HELLO"}') })],
  'without the body': ['bound', consumeAs({ body: undefined })],
  'with other arguments': ['bound', consumeAs({ argumentsSha256: 'c0ffef' })],
  'with another idempotency key': ['bound', consumeAs({ idempotencyKey: 'key-2' })],
  'with a longer body': ['denied', consumeAs({ body: Buffer.from('{"body":"hello!"}') })],
  'with a longer answer': ['denied', consumeAs({ responseBytesMax: 101 })],
  'with more scopes than the token is for': ['denied', consumeAs({ scopes: ['repo'] })],
  'with more permissions': ['denied', consumeAs({ permissions: { issues: 'read' } })],
  'with more repositories': ['denied', consumeAs({ repositories: ['shop'] })],
  'with a body of another type': ['denied', consumeAs({ contentType: 'text/plain' })],
  'the user revoked in between': ['revoked', revoking('user')],
  'the agent revoked in between': ['revoked', revoking('agent')],
  'the tool revoked in between': ['revoked', revoking('tool')],
  'the action revoked in between': ['revoked', revoking('action')],
  'the last use of the agent taken in between': [
    'exhausted',
    (store) => {
      const limited = { ...WIDE, childDepth: 2, usesMax: 1 }
      const { tool } = makeChain(store.grants, 'alice', {
        agent: { authority: limited },
        tool: { authority: { ...limited, childDepth: 1 } },
      })
      const tokens = [tokenOf(store, tool), tokenOf(store, tool)]
      return tokens
        .map((token) => outcome(store.tokens.consume(token, tokenAction(), NOW)))
        .join(' ')
        .replace('ok ', '')
    },
  ],
  'the agent expired in between': [
    'time',
    (store) => {
      const brief = { ...WIDE, childDepth: 2, expiresAtMs: NOW + 10 }
      const { tool } = makeChain(store.grants, 'alice', {
        agent: { authority: brief },
        tool: { authority: { ...brief, childDepth: 1 } },
      })
      return outcome(store.tokens.consume(tokenOf(store, tool), tokenAction(), NOW + 10))
    },
  ],
  'a definition that was edited': ['holder', mintAs({ agentDigest: 'sha256-a2' })],
  'a tool that was edited': ['holder', mintAs({ bundle: 'sha256-b2' })],
  'the grant of another tool': ['holder', mintAs({ tool: 'merge' })],
  'the grant of another agent': ['holder', mintAs({ agent: { from: '/srv/agents/clerk.yaml' } })],
  'the grant of another credential': ['holder', mintAs({ credential: 'gitlab' })],
  'the grant of another user': ['unknown', mintAs({ user: 'bob' })],
  'a request that no rule covers': ['denied', mintAs({ url: urlOf('https://api.example.com/user') })],
  'a scope that is not granted': ['denied', mintAs({ scopes: ['admin'] })],
  'a token from the grant of an agent': [
    'order',
    (store) => outcome(store.tokens.mint(makeChain(store.grants).agent, tokenAction(), NOW)),
  ],
  'a grant from an action': [
    'order',
    (store) => {
      const minted = store.tokens.mint(makeChain(store.grants).tool, tokenAction(), NOW)
      const parent = minted.ok ? minted.grant : ''
      const authority = { ...WIDE, childDepth: 0 }
      return outcome(store.grants.ensure({ level: 'tool', user: 'alice', parent, tool: 'x', bundle: 'y', authority }))
    },
  ],
  'more than the level above': [
    'wider',
    (store) => {
      const { agent: parent } = makeChain(store.grants)
      const authority = { ...WIDE, childDepth: 1, scopes: ['repo', 'admin'] }
      return outcome(store.grants.ensure({ level: 'tool', user: 'alice', parent, tool: 'x', bundle: 'y', authority }))
    },
  ],
  'a row that was made wider in the file': [
    'forged',
    consumeAfter(({ database }) =>
      tamper(
        database,
        `UPDATE credential_grant SET authority = replace(authority, '"requestBytesMax":1000', '"requestBytesMax":9999')`,
      ),
    ),
  ],
  'a row that was given to another user': [
    'forged',
    (store) => {
      const { tool } = makeChain(store.grants)
      tamper(store.database, `UPDATE credential_grant SET user = 'bob'`)
      return outcome(store.tokens.mint(tool, tokenAction({ user: 'bob' }), NOW))
    },
  ],
  'a tool moved below an agent that may do more': [
    'forged',
    (store) => {
      const narrow = { ...WIDE, childDepth: 2, usesMax: 1 }
      const { agent } = makeChain(store.grants, 'alice')
      const low = makeChain(store.grants, 'alice', {
        agent: { authority: narrow },
        tool: { authority: { ...narrow, childDepth: 1 } },
      })
      store.grants.revoke('alice', { id: low.agent }, 'ops', 'stolen')
      tamper(
        store.database,
        'UPDATE credential_grant SET parent = ?, revoked_at = NULL, revoked_by = NULL WHERE id = ?',
        agent,
        low.tool,
      )
      return outcome(store.tokens.mint(low.tool, tokenAction(), NOW))
    },
  ],
}
