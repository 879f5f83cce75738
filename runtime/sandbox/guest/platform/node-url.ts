/** node:url and node:punycode: Node's own text as unenv carries it, over the guest's URL. */
import base from 'unenv/node/url'
import unenvPunycode from 'unenv/node/punycode'

export const url = { ...base }
export const punycode = { ...unenvPunycode }
