/** A person logs in with the program, and a run acts on behalf of that person and of nobody else. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { credentialDesk, credentialServer } from '../support/credential-desk.ts'
import { browse, CLIENT_SECRET, oidcServer, type OidcServer } from '../support/oidc-server.ts'

let issuer: OidcServer
beforeAll(async () => {
  issuer = await oidcServer()
})
afterAll(() => issuer.close())

test('logs in with PKCE on a loopback redirect, and each user has a token of their own', async () => {
  await using api = await credentialServer()
  using desk = credentialDesk([`GET ${api.base}/**`], ['billing'])
  desk.configure(`credentials:
  billing:
    source:
      oauth: { issuer: "${issuer.url}", client: app, secret: { env: CLIENT_SECRET }, scopes: [issues], flow: code }
    inject: { header: Authorization, format: "Bearer {secret}" }
    for: ["GET ${api.base}/**"]
    users: [alice, bob]
    agents: { a: { from: ${desk.workspace}/agents/a.yaml, tools: [get] } }
`)
  const environment = { CLIENT_SECRET }
  const login = desk.start(['credentials', 'login', 'billing', '--user', 'alice', '--config', desk.config], {
    environment,
  })
  let said = ''
  login.child.stderr?.on('data', (text: string) => (said += text))
  await login.saying('code_challenge_method=S256')
  const url = /https?:\/\/\S+code_challenge_method\S+/.exec(said)?.[0] ?? ''
  await browse(url)
  const done = await login.finished
  expect(done.stdout).toMatch(/billing · alice is logged in for issues/)
  expect(done.exit).toBe(0)
  const run = (user: string) =>
    desk.runWith(
      { environment },
      'agents/a.yaml',
      JSON.stringify([{ url: `${api.base}/a` }]),
      '--user',
      user,
      '--config',
      desk.config,
    )
  const mine = await run('alice')
  expect(mine.exit).toBe(0)
  const token = String(api.asked[0]?.headers['authorization']).replace('Bearer ', '')
  expect(token.length).toBeGreaterThan(20)
  const theirs = await run('bob')
  expect(theirs.stderr).toMatch(/could not be used: .*credentials login billing/)
  expect(theirs.stdout).not.toMatch(/login/)
  expect(api.asked).toHaveLength(1)
  for (const secret of [token, CLIENT_SECRET]) {
    expect(done.stdout + done.stderr + mine.stdout + mine.stderr + said).not.toContain(secret)
    expect(desk.filesHolding([secret])).toEqual([])
  }
})
