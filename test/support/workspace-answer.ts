/** Answers a guest's requests for files as a run does: the real policy, the real walker, a real folder. */
import type { FileRequest } from '../../runtime/policy/grant.ts'
import { deliveryPayload, parseCapabilityRequest } from '../../runtime/sandbox/protocol.ts'
import { act } from './file-requests.ts'
import { grantOf, type GrantText } from './grants.ts'
import { fails, ok, type Answer } from './sandbox.ts'

export function workspaceAnswer(root: string, text: GrantText): Answer {
  const grant = grantOf(text)
  return (payload) => {
    if (payload.op === 'timer') return ok()
    const request = parseCapabilityRequest(JSON.stringify(payload))
    if (request === undefined) throw new Error(`no request of a tool: ${JSON.stringify(payload).slice(0, 200)}`)
    if (!request.op.startsWith('fs.')) return fails('E_DENIED', 'this workspace has no network', 'Denied')
    return deliveryPayload(act(root, grant, request as FileRequest).outcome)
  }
}
