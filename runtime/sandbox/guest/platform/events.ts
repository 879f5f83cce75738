/** Events and signals (WHATWG DOM sections 2 and 3). */
export { AbortController, AbortSignal } from './events/abort.ts'
export { EventTarget } from './events/event-target.ts'
export { CustomEvent, ErrorEvent, Event, MessageEvent, PromiseRejectionEvent } from './events/event.ts'
