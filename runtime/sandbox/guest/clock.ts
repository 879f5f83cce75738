/**
 * The guest's clock stands still between deliveries and moves only with them, so that a replay sees the same
 * times. Every road to the real clock is closed: Date, its prototype's constructor, Intl's formatters and
 * Temporal.Now, whose zone is UTC.
 */

let now = 0

// A guest may replace them, and would be handed what is called through them: the real clock.
const { apply, construct, deleteProperty, get, ownKeys } = Reflect
const { defineProperty } = Object

export function setClock(ms: number): void {
  now = ms
}

export function installClock(): void {
  const RealDate = Date
  const { toString } = RealDate.prototype
  // A function and not a class: `Date()` without `new` returns a string (ECMA-262 21.4.2.1).
  const GuestDate = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return apply(toString, new RealDate(now), [])
    return construct(RealDate, args.length === 0 ? [now] : args, new.target)
  }
  Object.defineProperties(GuestDate, {
    name: { value: 'Date' },
    length: { value: 7 },
    prototype: fixed(RealDate.prototype),
    now: fixed(() => now),
    parse: fixed(RealDate.parse),
    UTC: fixed(RealDate.UTC),
  })
  defineProperty(RealDate.prototype, 'constructor', fixed(GuestDate))
  defineProperty(globalThis, 'Date', fixed(GuestDate))
  installIntlClock()
  installTemporalClock()
}

function fixed(value: unknown): PropertyDescriptor {
  return { value, writable: false, enumerable: false, configurable: false }
}

/** `format()` and `formatToParts()` without an argument read the clock themselves; give them ours. */
function installIntlClock(): void {
  const prototype = Intl.DateTimeFormat.prototype
  const getFormat = Object.getOwnPropertyDescriptor(prototype, 'format')?.get
  const formatToParts = prototype.formatToParts
  if (getFormat === undefined) throw new Error('Intl.DateTimeFormat.prototype.format is not a getter')
  defineProperty(prototype, 'format', {
    get(this: Intl.DateTimeFormat) {
      const real = apply(getFormat, this, []) as (date?: unknown) => string
      return (date?: unknown) => real(date === undefined ? now : date)
    },
    enumerable: false,
    configurable: false,
  })
  defineProperty(
    prototype,
    'formatToParts',
    fixed(function (this: unknown, date?: unknown): unknown {
      return apply(formatToParts, this, [date === undefined ? now : date])
    }),
  )
}

/** What is used here of Temporal (tc39.es/proposal-temporal); Node has it from version 26 on. */
interface TemporalNamespace {
  readonly Now: object
  readonly Instant: {
    fromEpochMilliseconds(ms: number): object
    readonly prototype: { toZonedDateTimeISO(zone: unknown): object }
  }
  readonly ZonedDateTime: {
    readonly prototype: Readonly<Record<'toPlainDateTime' | 'toPlainDate' | 'toPlainTime', () => object>>
  }
}

function installTemporalClock(): void {
  const temporal = get(globalThis, 'Temporal') as TemporalNamespace | undefined
  if (temporal === undefined) return
  const { Instant } = temporal
  const { fromEpochMilliseconds } = Instant
  const { toZonedDateTimeISO } = Instant.prototype
  const { toPlainDateTime, toPlainDate, toPlainTime } = temporal.ZonedDateTime.prototype
  const instant = (): unknown => apply(fromEpochMilliseconds, Instant, [now])
  const zoned = (zone: unknown = 'UTC'): unknown => apply(toZonedDateTimeISO, instant(), [zone])
  // Whatever else a newer V8 puts there reads the clock too.
  for (const name of ownKeys(temporal.Now)) {
    if (name !== Symbol.toStringTag && !deleteProperty(temporal.Now, name)) throw new Error('cannot remove a clock')
  }
  const clocks: Readonly<Record<string, (zone?: unknown) => unknown>> = {
    instant: () => instant(),
    timeZoneId: () => 'UTC',
    zonedDateTimeISO: (zone) => zoned(zone),
    plainDateTimeISO: (zone) => apply(toPlainDateTime, zoned(zone), []),
    plainDateISO: (zone) => apply(toPlainDate, zoned(zone), []),
    plainTimeISO: (zone) => apply(toPlainTime, zoned(zone), []),
  }
  for (const [name, clock] of Object.entries(clocks)) defineProperty(temporal.Now, name, fixed(clock))
}
