/** What whatwg-url and tr46 export; the former's own types are those of the DOM, the latter has none. */
declare module 'whatwg-url' {
  export const URL: typeof globalThis.URL
  export const URLSearchParams: typeof globalThis.URLSearchParams
}

declare module 'tr46' {
  export const toASCII: (domain: string, options: object) => string | null
  export const toUnicode: (domain: string, options: object) => { readonly domain: string; readonly error: boolean }
}
