import { DateTime, Duration, Interval } from 'luxon'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Computes with dates in time zones.',
  parameters: z.object({}),
  execute() {
    const start = DateTime.fromISO('2024-03-30T22:30:00Z', { zone: 'Europe/Berlin' })
    return {
      iso: start.plus({ hours: 4 }).toISO(),
      text: start.setLocale('fr').toLocaleString(DateTime.DATETIME_FULL),
      zone: start.setZone('America/New_York').toFormat('yyyy-LL-dd HH:mm ZZZZ'),
      week: start.weekNumber,
      span: Interval.fromDateTimes(start, start.plus({ days: 3 })).length('hours'),
      duration: Duration.fromObject({ hours: 1, minutes: 90 }).normalize().toISO(),
      invalid: DateTime.fromISO('nonsense').invalidReason,
    }
  },
})
