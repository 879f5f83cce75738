/** URL and URLSearchParams (WHATWG URL), by the reference implementation. */
import { removeStandIn } from './shared-memory-stand-in.ts'
import { URL, URLSearchParams } from 'whatwg-url'

removeStandIn()
// The bundler renames what has the name of a global.
for (const [name, value] of Object.entries({ URL, URLSearchParams })) {
  Object.defineProperty(value, 'name', { value: name, configurable: true })
}

export { URL, URLSearchParams }
