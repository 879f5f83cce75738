/** Packages that bring no types, under names that are no builtin's. */
declare module 'buffer/index.js' {
  const buffer: typeof import('node:buffer')
  export = buffer
}
declare module 'events/events.js' {
  export const EventEmitter: typeof import('node:events').EventEmitter
}
declare module 'string_decoder/lib/string_decoder.js' {
  export const StringDecoder: typeof import('node:string_decoder').StringDecoder
}
declare module 'readable-stream/lib/stream.js' {
  import stream = require('node:stream')
  export = stream
}
declare module 'unenv/node/url' {
  const url: typeof import('node:url')
  export default url
}
declare module 'unenv/node/querystring' {
  const querystring: typeof import('node:querystring')
  export default querystring
}
declare module 'unenv/node/punycode' {
  const punycode: Readonly<Record<string, unknown>>
  export default punycode
}
