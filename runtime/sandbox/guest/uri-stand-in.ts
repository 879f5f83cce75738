/**
 * The validator makes one URL while it is loaded, and again only to resolve references, which is done here without
 * it. An isolate has no URL, so one stands in until the load is over. Import this before the validator.
 */

const world: { URL?: unknown } = globalThis as { URL?: unknown }
const isNeeded = world.URL === undefined

class UriStandIn {
  readonly href: string
  readonly hash = ''

  constructor(href: string) {
    this.href = href
  }
}

if (isNeeded) world.URL = UriStandIn

export function removeUriStandIn(): void {
  if (isNeeded && world.URL === UriStandIn) delete world.URL
}
