/** A real issuer on this machine (oidc-provider), and a browser that says yes to everything. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

export interface OidcServer {
  readonly url: string
  /** What was granted and what was taken back, e.g. `refresh_token` and `revoked`. */
  readonly events: string[]
  /** Requests, as `METHOD path`. */
  readonly requests: string[]
  close(): void
}

export const CLIENT_SECRET = 'the-secret-of-the-client'

/** Rotates each refresh token; access tokens live as long as it is told. */
export async function oidcServer(lifeS = 3600): Promise<OidcServer> {
  let handle: RequestListener = () => undefined
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split('?')[0]}`)
    handle(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const events: string[] = []
  const shared = {
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
  }
  const provider = new Provider(url, {
    clients: [
      {
        ...shared,
        client_id: 'app',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
      {
        client_id: 'machine',
        client_secret: CLIENT_SECRET,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
      {
        client_id: 'public',
        token_endpoint_auth_method: 'none',
        redirect_uris: shared.redirect_uris,
        response_types: ['code'],
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    scopes: ['openid', 'repo', 'issues'],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: lifeS,
      ClientCredentials: lifeS,
      DeviceCode: 60,
      Grant: 3600,
      Interaction: 600,
      RefreshToken: 7200,
      Session: 3600,
    },
    cookies: { keys: ['of-a-test'] },
  })
  provider.on('grant.success', ({ oidc }) => events.push(oidc.params?.['grant_type'] ?? ''))
  provider.on('grant.revoked', () => events.push('revoked'))
  handle = provider.callback()
  return {
    url,
    events,
    requests,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Follows redirects with cookies, and sends every form as it is, as `alice`. Returns the last page. */
export async function browse(
  start: string,
): Promise<{ readonly url: string; readonly status: number; readonly text: string }> {
  const cookies = new Map<string, string>()
  let url = start
  let form: URLSearchParams | undefined
  for (let steps = 0; steps < 30; steps++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer: Response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    form = undefined
    if (location !== null) {
      await answer.arrayBuffer()
      url = new URL(location, url).href
      continue
    }
    const text = await answer.text()
    const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1]
    if (action === undefined || answer.status !== 200) return { url, status: answer.status, text }
    const inputs = [...text.matchAll(/<input\b[^>]*>/g)].map(([tag]) => [
      /name="([^"]+)"/.exec(tag)?.[1] ?? '',
      /value="([^"]*)"/.exec(tag)?.[1] ?? 'alice',
    ])
    form = new URLSearchParams(inputs)
    url = new URL(action.replaceAll('&amp;', '&'), url).href
  }
  throw new Error('a login without an end')
}
