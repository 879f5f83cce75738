/** A token of a GitHub App, made for one run of the program, against the GitHub of emulate. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { credentialDesk } from '../support/credential-desk.ts'
import { gitHub, type GitHub } from '../support/github.ts'

let github: GitHub

beforeAll(async () => {
  github = await gitHub()
})
afterAll(() => github.close())

test('reaches its repository by its permission alone, and neither key nor token shows', async () => {
  const { base, pem } = github
  using desk = credentialDesk([`GET,POST ${base}/repos/acme/**`], ['github'])
  desk.configure(`credentials:
  github:
    source:
      github-app:
        app: 12345
        installation: 100
        key: { env: APP_KEY }
        repositories: [shop]
        permissions: { issues: read }
        baseURL: "${base}"
    inject: { header: Authorization, format: "Bearer {secret}" }
    for: ["GET,POST ${base}/repos/acme/**"]
    agents: { a: { from: ${desk.workspace}/agents/a.yaml, tools: [get] } }
`)
  const asked = [
    { url: `${base}/repos/acme/shop/issues` },
    { url: `${base}/repos/acme/books/issues` },
    {
      url: `${base}/repos/acme/shop/issues`,
      init: { method: 'POST', body: '{"title":"x"}', headers: { 'content-type': 'application/json' } },
    },
  ]
  const args = ['agents/a.yaml', JSON.stringify(asked), '--config', desk.config]
  const { exit, stdout, stderr } = await desk.runWith({ environment: { APP_KEY: pem } }, ...args)
  expect(stderr).toContain('completed')
  expect(exit).toBe(0)
  const results = JSON.parse(stdout) as { status: number }[]
  expect(results.map(({ status }) => status)).toEqual([200, 403, 403])
  const lines = pem.split('\n').filter((line) => line.length > 40)
  expect(lines.length).toBeGreaterThan(10)
  for (const line of [...lines, 'ghs_']) expect(stdout + stderr).not.toContain(line)
  expect(desk.filesHolding(lines)).toEqual([])
  expect((await desk.run('replay', 'last')).stdout).toMatch(/identical/)
})
