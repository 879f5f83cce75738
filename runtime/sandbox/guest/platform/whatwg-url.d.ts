/** What whatwg-url exports; its own types are those of the DOM. */
declare module 'whatwg-url' {
  export const URL: typeof globalThis.URL
  export const URLSearchParams: typeof globalThis.URLSearchParams
}
