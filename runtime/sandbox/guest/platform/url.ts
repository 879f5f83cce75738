/** URL and URLSearchParams (WHATWG URL), by the reference implementation. */
import { removeStandIn } from './shared-memory-stand-in.ts'
import { URL, URLSearchParams } from 'whatwg-url'

removeStandIn()

export { URL, URLSearchParams }
