import { defineTool, z } from 'run-agent'
import { walk } from './files/walk.ts'

/** Of the 1 MB that a result may have. */
const RESULT_BYTES_MAX = 800_000

const FILES_MAX = 50_000

export default defineTool({
  description: 'Lists the files of the workspace or of one folder, with all folders below it. Links are not followed.',
  parameters: z.object({
    path: z.string().optional().describe('A folder, relative to the workspace. Default: the whole workspace'),
  }),
  needs: { read: true },
  async execute({ path = '.' }) {
    const { files, skipped, truncated } = await walk(path, FILES_MAX)
    let bytes = 0
    const fitting = files.filter((file) => (bytes += Buffer.byteLength(JSON.stringify(file)) + 1) <= RESULT_BYTES_MAX)
    const cut = truncated || fitting.length < files.length
    return {
      files: fitting,
      ...(skipped.length === 0 ? {} : { skipped: skipped.slice(0, 100) }),
      ...(cut ? { truncated: true, note: 'there are more files; list a folder of them with `path`' } : {}),
    }
  },
})
