/** Reads recorded data without trusting its shape: an older version, or a damaged trail, may have written it. */

import { isUint8Array } from 'node:util/types'

import type { Json } from './event.ts'

export type Fields = { readonly [key: string]: Json | undefined }

/** No fields for what is no object. */
export function fieldsOf(value: Json | undefined): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isUint8Array(value)) return {}
  return value as Fields
}

/** No items for what is no array. */
export function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : []
}

export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}
