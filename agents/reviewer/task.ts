/** Which commit a task names: alone, or among other words. */

const HEX = /^[0-9a-f]{7,40}$/i
const REVISION = /^[\p{L}\p{N}_./@^~{}+-]+$/u

/** `HEAD` unless the task names something else. */
export function refOf(task: string): string {
  const trimmed = task.trim()
  if (trimmed === '') return 'HEAD'
  if (!/\s/.test(trimmed)) return trimmed
  const words = trimmed.split(/\s+/).map((word) => word.replace(/^["'`(]+|["'`),;:!?]+$|(?<!\.)\.$/g, ''))
  const candidates = words.filter((word) => REVISION.test(word))
  return (
    candidates.find((word) => /[^.]\.{2,3}[^.]/.test(word)) ??
    candidates.find((word) => /^(?:HEAD|@)(?:[~^].*)?$/.test(word) || /[^~^][~^]\d*$/.test(word)) ??
    candidates.find((word) => HEX.test(word) && /\d/.test(word)) ??
    'HEAD'
  )
}
