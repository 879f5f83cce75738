import { defineScript } from 'run-agent'
import { look, nothingYet } from './reviewer/look.ts'
import { readPages } from './reviewer/pages.ts'
import { report } from './reviewer/report.ts'
import { refOf } from './reviewer/task.ts'

/** Reviews what can be judged without a model: the task may name a commit or a range, else it is HEAD. */
export default defineScript(async (task, call) => {
  const looked = nothingYet()
  const change = await readPages(call, refOf(task), (file) => look(looked, file))
  return report(change, looked)
})
