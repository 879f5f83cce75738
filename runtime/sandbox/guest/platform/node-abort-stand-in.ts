/** Streams name AbortController when they are loaded; this one stands in where the guest has none of its own. */
import { AbortController, AbortSignal } from 'abort-controller/dist/abort-controller.js'

for (const [name, value] of Object.entries({ AbortController, AbortSignal })) {
  if (Reflect.get(globalThis, name) === undefined) {
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  }
}
