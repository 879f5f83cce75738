/** Domain names with letters beyond ASCII (Unicode TS 46): their tables are a part of their own. */
import { runtime } from '../runtime.ts'

interface DomainNames {
  readonly toASCII: (domain: string, options: object) => string | null
  readonly toUnicode: (domain: string, options: object) => { readonly domain: string; readonly error: boolean }
}

function names(): DomainNames {
  return runtime.part('domain-names') as DomainNames
}

export const toASCII: DomainNames['toASCII'] = (domain, options) => names().toASCII(domain, options)
export const toUnicode: DomainNames['toUnicode'] = (domain, options) => names().toUnicode(domain, options)
