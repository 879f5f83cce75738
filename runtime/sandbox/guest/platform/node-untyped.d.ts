/** Packages that bring no types, under names that are no builtin's. */
declare module 'buffer/index.js' {
  export * from 'node:buffer'
}
declare module 'events/events.js' {
  export { EventEmitter } from 'node:events'
}
declare module 'string_decoder/lib/string_decoder.js' {
  export { StringDecoder } from 'node:string_decoder'
}
declare module 'readable-stream/lib/stream.js' {
  export { default } from 'node:stream'
}
declare module 'unenv/node/url' {
  export { default } from 'node:url'
}
declare module 'unenv/node/querystring' {
  export { default } from 'node:querystring'
}
declare module 'unenv/node/punycode' {
  const punycode: Readonly<Record<string, unknown>>
  export default punycode
}
