/** Domain names with other letters than those of ASCII (Unicode TS 46), for the part of URLs. */
export { toASCII, toUnicode } from 'tr46'
