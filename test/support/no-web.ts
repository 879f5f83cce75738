/** A network that nobody may reach in a test. */
import type { WebOptions } from '../../runtime/broker/web.ts'

const unreachable = (): never => {
  throw new Error('nothing of this test asks for the network')
}

export const NO_WEB: WebOptions = {
  host: { resolve: unreachable, open: unreachable },
  authoritiesOf: () => undefined,
}
