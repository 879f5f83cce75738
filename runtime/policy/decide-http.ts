/** Whether a tool may make an HTTP request. Pure, and a denial unless a rule of the grant permits. */
import type { Decision, Grant, HttpRequest } from './grant.ts'

export function decideHttp(grant: Grant, request: HttpRequest): Decision {
  void request
  const rule = 'no rule permits it'
  return { kind: 'deny', reason: 'default-deny', rule, allowed: `${grant.tool} has no right to any URL` }
}
