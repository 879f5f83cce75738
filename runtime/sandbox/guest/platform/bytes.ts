/** BufferSource and byte strings (Web IDL sections 3.2.24 and 3.2.10). */

const byteLengthOf = Reflect.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    byteLengthOf?.call(value)
    return true
  } catch {
    return false
  }
}

/** The bytes of a BufferSource, not copied; undefined where it is none. A detached one has none. */
export function viewOf(source: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength)
  }
  if (!isArrayBuffer(source)) return undefined
  return source.detached ? new Uint8Array() : new Uint8Array(source)
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}
