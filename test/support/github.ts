/** The GitHub of emulate, with an App that is installed on two repositories. */
import { createEmulator } from 'emulate'

export interface GitHub {
  readonly base: string
  /** The private key of the App 12345, whose installation is 100. */
  readonly pem: string
  readonly close: () => Promise<void>
}

export async function gitHub(): Promise<GitHub> {
  const repository = (name: string) => ({ owner: 'acme', name, private: true, auto_init: true })
  const github = await createEmulator({
    service: 'github',
    port: 0,
    seed: {
      github: {
        users: [{ login: 'octocat' }],
        orgs: [{ login: 'acme' }],
        repos: [repository('shop'), repository('books')],
        apps: [
          {
            app_id: 12345,
            slug: 'reviewer',
            name: 'Reviewer',
            permissions: { contents: 'write', issues: 'write', metadata: 'read' },
            installations: [{ installation_id: 100, account: 'acme', repository_selection: 'all' }],
          },
        ],
      },
    },
  })
  const pem = github.generatedSecrets.find(({ kind }) => kind === 'github.app_private_key')?.value
  if (pem === undefined) throw new Error('the emulator made no key')
  return { base: github.url.replace('localhost', '127.0.0.1'), pem, close: () => github.close() }
}
