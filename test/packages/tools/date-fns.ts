import {
  addMonths,
  differenceInCalendarDays,
  eachWeekendOfMonth,
  format,
  formatDistance,
  parse,
  parseISO,
} from 'date-fns'
import { de } from 'date-fns/locale'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Computes with dates.',
  parameters: z.object({}),
  execute() {
    const day = parseISO('2024-01-31T12:34:56Z')
    return {
      month: addMonths(day, 1).toISOString(),
      long: format(day, "EEEE, d. MMMM yyyy 'um' HH:mm", { locale: de }),
      short: format(day, "yyyy-MM-dd'T'HH:mm:ss.SSS QQQ II"),
      days: differenceInCalendarDays(day, new Date(0)),
      distance: formatDistance(day, addMonths(day, 5), { addSuffix: true }),
      weekends: eachWeekendOfMonth(day).length,
      parsed: parse('31.12.1999 23:59', 'dd.MM.yyyy HH:mm', new Date(0)).toISOString(),
    }
  },
})
