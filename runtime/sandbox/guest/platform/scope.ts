/** What stands beside the interfaces in the global scope. */
import { asInterface } from './interface.ts'

class Navigator {
  get userAgent(): string {
    return 'run-agent'
  }
}

asInterface(Navigator, 'Navigator')

export const navigator = new Navigator()

/** What nobody caught goes to the trail, and the call goes on (HTML section 8.1.4.6). */
export function reportError(...given: [error?: unknown]): void {
  if (given.length === 0) throw new TypeError('reportError needs what was thrown')
  // oxlint-disable-next-line no-console -- the guest's own
  console.error('Uncaught', given[0])
}
