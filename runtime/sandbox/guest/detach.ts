/**
 * Moving a buffer, for streams of bytes and structuredClone. `transfer` itself is taken from guests, because a buffer
 * that it makes larger is not counted against the heap limit; one of the same length is the memory already counted.
 * Import this before the globals are removed.
 */
const { transfer } = ArrayBuffer.prototype
// A guest may replace it, and would be handed what is called through it.
const { apply } = Reflect

/** The same bytes in a new buffer; the old one is detached. Throws TypeError where it is detached already. */
export function moveBuffer(buffer: ArrayBuffer): ArrayBuffer {
  return apply(transfer, buffer, [])
}
