/** The bundle that reads manifests: the real zod, which tools get as `z` of run-agent, and what reads them with it. */
export { z } from 'zod'
export { describeTool } from './manifest-entry.ts'
