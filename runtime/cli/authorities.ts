/** The certificate authorities that the operator's networks name: read once, before anything of a run happens. */
import { checkConfigOwner, type OperatorConfig } from '../definition/config.ts'
import { RunAgentError } from '../errors.ts'
import { readOperatorFile } from '../node-folders.ts'
import { networkOf } from '../policy/address-rule.ts'
import type { CommandEnvironment } from './environment.ts'

/** By host, in PEM; undefined: those of Node. Throws E_CONFIG. */
export function authoritiesOf(
  { user }: CommandEnvironment,
  { networks }: OperatorConfig,
): (host: string) => string | undefined {
  const read = networks.flatMap(({ grant, ca }) => (ca === undefined ? [] : [{ grant, pem: readPem(ca, user.uid) }]))
  return (host) => read.find(({ grant }) => networkOf(host, [grant]) !== undefined)?.pem
}

function readPem(path: string, uid: number): string {
  const refused = (why: string): RunAgentError =>
    new RunAgentError('E_CONFIG', `couldn't use the certificate authority ${path}: ${why}`)
  const file = readOperatorFile(path)
  if (file === undefined) throw refused('there is no such file')
  // Whoever can write it says which servers are believed.
  const problem = checkConfigOwner(file, uid)
  if (problem !== undefined) throw refused(problem.replace('the configuration', 'it'))
  const pem = new TextDecoder().decode(file.bytes)
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw refused('it holds no certificate in PEM')
  return pem
}
