/** Placeholder until the trail's format essay is written; see Event below. */
export type Json = null | boolean | number | string | Uint8Array | readonly Json[] | { readonly [key: string]: Json | undefined }
