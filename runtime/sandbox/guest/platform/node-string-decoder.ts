/** node:string_decoder, by the package that was taken from Node. */
import { StringDecoder } from 'string_decoder/lib/string_decoder.js'

export const stringDecoder = { StringDecoder }
