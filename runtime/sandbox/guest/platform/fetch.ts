/** fetch and what belongs to it (WHATWG Fetch). */
export { fetch } from './fetch/fetch.ts'
export { FormData } from './fetch/form-data.ts'
export { Headers } from './fetch/headers.ts'
export { Request } from './fetch/request.ts'
export { Response } from './fetch/response.ts'
