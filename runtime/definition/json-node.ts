/** Plain JSON within a definition, such as a JSON Schema, with the place of every part of it. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node } from 'yaml'
import { quoted, type Field, type NodeReader } from './node-reader.ts'

export interface JsonNode {
  readonly value: unknown
  /** The offset of a part, by its JSON pointer (RFC 6901); of the nearest part that there is. */
  at(pointer: string): number
}

/** Undefined if a problem was noted: a key that is no text or comes twice, a number that JSON cannot say. */
export function readJson(reader: NodeReader, field: Field): JsonNode | undefined {
  const places = new Map<string, number>([['', field.valueAt]])
  let isGood = true
  const refuse = (at: number, message: string): undefined => {
    isGood = false
    reader.problems.add(at, message)
  }
  const visit = (node: Node | undefined, pointer: string, at: number): unknown => {
    places.set(pointer, node?.range?.[0] ?? at)
    // An alias has been reported already.
    if (isAlias(node)) return void (isGood = false)
    if (isSeq(node)) {
      return node.items.map((item, index) => visit(isNode(item) ? item : undefined, `${pointer}/${index}`, at))
    }
    if (isMap(node)) {
      const entries = reader.entries({ key: field.key, at, value: node, valueAt: at })
      const pairs = entries?.map(({ key, at: keyAt, value }): [string, unknown] => {
        if (key === '__proto__') refuse(keyAt, `${quoted(key)} is no name here`)
        return [key, visit(value, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, keyAt)]
      })
      if (entries === undefined || entries.length < node.items.length) isGood = false
      return Object.fromEntries(pairs ?? [])
    }
    const value: unknown = isScalar(node) ? node.value : null
    if (typeof value === 'number' && !Number.isFinite(value)) refuse(at, 'a number must be finite')
    return value
  }
  const value = visit(field.value, '', field.valueAt)
  if (!isGood) return undefined
  return {
    value,
    at: (pointer) => {
      for (let known = pointer; ; known = known.slice(0, Math.max(0, known.lastIndexOf('/')))) {
        const place = places.get(known)
        if (place !== undefined) return place
      }
    },
  }
}
