/** A certificate authority of a test's own. */

import { generate } from 'selfsigned'

export interface Certified {
  readonly key: string
  readonly cert: string
}

export interface Authority {
  /** PEM. */
  readonly cert: string
  /** For names and addresses; `days` from now that it ends, which may be past. */
  certify(hosts: readonly string[], validity?: { readonly from: number; readonly to: number }): Promise<Certified>
}

const DAY_MS = 86_400_000

const named = (commonName: string): { name: string; value: string }[] => [{ name: 'commonName', value: commonName }]

export async function authority(name: string): Promise<Authority> {
  const own = await generate(named(name), {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return {
    cert: own.cert,
    certify: (hosts, validity = { from: -1, to: 1 }) =>
      certificate(hosts, validity, { key: own.private, cert: own.cert }),
  }
}

/** Signed by itself. */
export function selfSigned(hosts: readonly string[]): Promise<Certified> {
  return certificate(hosts, { from: -1, to: 1 })
}

async function certificate(
  hosts: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
  ca?: Certified,
): Promise<Certified> {
  const made = await generate(named(hosts[0] ?? 'nobody'), {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() + from * DAY_MS),
    notAfterDate: new Date(Date.now() + to * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (/^[\d.]+$|:/.test(host) ? { type: 7, ip: host } : { type: 2, value: host })),
      },
    ],
    ...(ca === undefined ? {} : { ca }),
  })
  return { key: made.private, cert: made.cert }
}
