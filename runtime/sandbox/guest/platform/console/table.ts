/** console.table: rows of what it was given, as Node draws them. */
import { inspect } from './inspect.ts'

const INDEX = '(index)'
const VALUES = 'Values'

/** Undefined for what has no rows. */
export function tableOf(data: unknown, wanted?: readonly string[]): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const entries: (readonly [unknown, unknown])[] =
    data instanceof Map ? [...data] : data instanceof Set ? [...data].entries().toArray() : Object.entries(data)
  const columns: string[] = []
  const rows = entries.map(([index, value]) => {
    const cells = new Map<string, string>([[INDEX, String(index)]])
    if (typeof value !== 'object' || value === null) cells.set(VALUES, inspect(value))
    else {
      for (const [key, cell] of Object.entries(value)) {
        if (wanted !== undefined && !wanted.includes(key)) continue
        if (!columns.includes(key)) columns.push(key)
        cells.set(key, inspect(cell, 0))
      }
    }
    return cells
  })
  const hasValues = wanted === undefined && rows.some((row) => row.has(VALUES))
  return drawn([INDEX, ...(wanted ?? columns), ...(hasValues ? [VALUES] : [])], rows)
}

function drawn(columns: readonly string[], rows: readonly ReadonlyMap<string, string>[]): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => row.get(column) ?? ''))]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => (row[at] ?? '').length)) + 2)
  const line = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width)).join(middle) + right
  const drawnRow = (row: readonly string[]): string =>
    `│${row.map((cell, at) => ` ${cell.padEnd((widths[at] ?? 0) - 1)}`).join('│')}│`
  const [head = [], ...body] = cells
  return [line('┌', '┬', '┐'), drawnRow(head), line('├', '┼', '┤'), ...body.map(drawnRow), line('└', '┴', '┘')].join(
    '\n',
  )
}
