import { defineScript } from 'run-agent'

/** As many as the definition permits calls. */
const FILES_MAX = 20

/** Plays the model: what a model would do with the same tools. */
export default defineScript(async (_task, call) => {
  const { files } = await call<{ files: string[] }>('list_files')
  const chosen = files.slice(0, FILES_MAX)
  const lines = await Promise.all(
    chosen.map((path) =>
      call<number>('count_words', { path }).then(
        (words) => `- ${path}: ${words} words`,
        (error: { message: string }) => `- ${path}: ${error.message}`,
      ),
    ),
  )
  const left = files.length - chosen.length
  return ['Hello. These files are here:', '', ...lines, ...(left > 0 ? [`… and ${left} more`] : [])].join('\n')
})
