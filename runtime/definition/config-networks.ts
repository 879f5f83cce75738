/** `networks` of the operator's configuration: hosts that lie at private addresses, and whom they are believed by. */
import { dirname, resolve } from 'node:path'
import { isScalar } from 'yaml'
import { isCidr, isNeverDialled } from '../policy/address-rule.ts'
import type { Network } from '../policy/grant.ts'
import { hostTrouble } from '../policy/http-url.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'

export interface NetworkConfig {
  /** What a grant says of it. */
  readonly grant: Network
  /** PEM of the authorities that its certificates are checked with, instead of Node's own; absolute. */
  readonly ca: string | undefined
}

const NETWORK_KEYS = { supported: ['hosts', 'addresses', 'http', 'ca'], unsupported: [] } as const

/** `file`: the configuration; relative paths in it start at its folder. */
export function readNetworks(reader: NodeReader, field: Field | undefined, file: string): readonly NetworkConfig[] {
  const items = (field && reader.items(field)) ?? []
  return items.flatMap((item) => {
    const fields = reader.section(item, NETWORK_KEYS, 'a network')
    const [hostsField, addressesField, httpField, caField] = NETWORK_KEYS.supported.map((key) => fields?.get(key))
    if (fields !== undefined && (hostsField === undefined || addressesField === undefined)) {
      reader.problems.add(item.at, 'a network must have `hosts` and `addresses`')
    }
    const hosts = readTexts(reader, hostsField, hostMistake)
    const addresses = readTexts(reader, addressesField, addressMistake)
    const http = readBoolean(reader, httpField)
    const ca = caField && reader.text(caField)
    if (hosts === undefined || addresses === undefined) return []
    return [{ grant: { hosts, addresses, http }, ca: ca === undefined ? undefined : resolve(dirname(file), ca) }]
  })
}

function readBoolean(reader: NodeReader, field: Field | undefined): boolean {
  if (field === undefined) return false
  if (isScalar(field.value) && typeof field.value.value === 'boolean') return field.value.value
  reader.problems.add(field.valueAt, `\`${field.key}\` must be true or false`)
  return false
}

function readTexts(
  reader: NodeReader,
  field: Field | undefined,
  mistakeOf: (text: string) => string | undefined,
): readonly string[] | undefined {
  const items = field && reader.items(field)
  return items?.flatMap((item) => {
    const text = reader.text(item)
    if (text === undefined) return []
    const mistake = mistakeOf(text)
    if (mistake === undefined) return [text]
    reader.problems.add(item.valueAt, mistake)
    return []
  })
}

function hostMistake(text: string): string | undefined {
  const name = text.startsWith('*.') ? text.slice(2) : text
  if (!name.includes('.') && text !== name) return `${quoted(text)} stands for every host of a whole top-level domain`
  const trouble = name.includes('*')
    ? 'a `*` stands for the first label alone'
    : hostTrouble(name, URL.parse(`https://${name}/`)?.hostname)
  return trouble === undefined ? undefined : `${quoted(text)} is not one host, nor \`*.\` and a domain: ${trouble}`
}

function addressMistake(text: string): string | undefined {
  if (!isCidr(text)) return `${quoted(text)} is not a range of addresses; write 10.20.0.0/16`
  return isNeverDialled(text)
    ? 'loopback, link-local and metadata addresses are never reached by a network: name them in a rule'
    : undefined
}
