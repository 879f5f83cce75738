/** UTF-16 (WHATWG Encoding section 14.2). */

const UNITS = 8192

/** Decodes a stream of chunks; the last says so. Throws TypeError on what is no UTF-16 where `fatal`. */
export function utf16Decoder(bigEndian: boolean, fatal: boolean): (bytes: Uint8Array, isLast: boolean) => string {
  let odd: number | undefined
  let lead: number | undefined
  return (bytes, isLast) => {
    const pieces: string[] = []
    const units: number[] = []
    const put = (unit: number): void => {
      if (units.push(unit) >= UNITS) pieces.push(String.fromCharCode(...units.splice(0)))
    }
    const bad = (): void => {
      if (fatal) {
        odd = lead = undefined
        throw new TypeError('the data is not valid utf-16')
      }
      put(0xfffd)
    }
    for (const byte of bytes) {
      if (odd === undefined) {
        odd = byte
        continue
      }
      const unit = bigEndian ? (odd << 8) | byte : (byte << 8) | odd
      odd = undefined
      const isTrail = (unit & 0xfc00) === 0xdc00
      if (lead !== undefined) {
        const first = lead
        lead = undefined
        if (isTrail) {
          put(first)
          put(unit)
          continue
        }
        bad()
      }
      if ((unit & 0xfc00) === 0xd800) lead = unit
      else if (isTrail) bad()
      else put(unit)
    }
    if (isLast && (odd !== undefined || lead !== undefined)) {
      odd = lead = undefined
      bad()
    }
    return pieces.join('') + String.fromCharCode(...units)
  }
}
