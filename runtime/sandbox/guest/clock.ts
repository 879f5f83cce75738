/**
 * The guest's clock stands still between deliveries and moves only with them, so that a replay sees the same
 * times. Every road to the real clock is closed: Date, its prototype's constructor, Intl's formatters and
 * Temporal.Now, whose zone is UTC.
 */

let now = 0

// A guest may replace them, and would be handed what is called through them: the real clock.
const { apply, construct, get } = Reflect
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
interface Instant extends Made {
  toZonedDateTimeISO(zone: unknown): Zoned
  until(other: Instant): Made
}
interface Zoned extends Made {
  toPlainDateTime(): Made
  toPlainDate(): Made & { toPlainYearMonth(): Made; toPlainMonthDay(): Made }
  toPlainTime(): Made
}
interface Made {
  readonly constructor: Function
}
type ToInstant = (this: Date) => Instant

/**
 * V8 makes its Temporal when it is first named, which takes half a millisecond, and so does this. It is a namespace of
 * our own over V8's classes, reached from a date; that of V8, whose `Now` is the real clock, nobody can name any more.
 */
function installTemporalClock(): void {
  const RealDate = Date
  if (!Object.hasOwn(RealDate.prototype, 'toTemporalInstant')) return
  const settle = (value: unknown): void => {
    defineProperty(globalThis, 'Temporal', member(value))
  }
  defineProperty(globalThis, 'Temporal', {
    get: () => {
      const temporal = temporalOf((ms) => apply(toInstantOf(RealDate), construct(RealDate, [ms]), []))
      settle(temporal)
      return temporal
    },
    set: settle,
    enumerable: false,
    configurable: true,
  })
}

/** To ask for it is what makes V8's Temporal. A guest that has replaced it has a Temporal of its own making. */
function toInstantOf(date: DateConstructor): ToInstant {
  return get(date.prototype, 'toTemporalInstant') as ToInstant
}

function temporalOf(instantOf: (ms: number) => Instant): object {
  const epoch = instantOf(0)
  const zoned = epoch.toZonedDateTimeISO('UTC')
  const date = zoned.toPlainDate()
  const { toZonedDateTimeISO } = epoch
  const { toPlainDateTime, toPlainDate, toPlainTime } = zoned
  const zonedNow = (zone: unknown = 'UTC'): unknown => apply(toZonedDateTimeISO, instantOf(now), [zone])
  const clocks: Readonly<Record<string, (zone?: unknown) => unknown>> = {
    instant: () => instantOf(now),
    timeZoneId: () => 'UTC',
    zonedDateTimeISO: (zone) => zonedNow(zone),
    plainDateTimeISO: (zone) => apply(toPlainDateTime, zonedNow(zone), []),
    plainDateISO: (zone) => apply(toPlainDate, zonedNow(zone), []),
    plainTimeISO: (zone) => apply(toPlainTime, zonedNow(zone), []),
  }
  const Now = tagged('Temporal.Now')
  for (const [name, clock] of Object.entries(clocks)) defineProperty(Now, name, fixed(clock))
  const temporal = tagged('Temporal')
  const classes = [
    epoch,
    zoned,
    zoned.toPlainDateTime(),
    date,
    zoned.toPlainTime(),
    date.toPlainYearMonth(),
    date.toPlainMonthDay(),
    epoch.until(epoch),
  ].map(({ constructor }) => constructor)
  for (const value of classes) defineProperty(temporal, value.name, member(value))
  defineProperty(temporal, 'Now', member(Now))
  return temporal
}

function tagged(name: string): object {
  return defineProperty({}, Symbol.toStringTag, { value: name, writable: false, enumerable: false, configurable: true })
}

function member(value: unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: false, configurable: true }
}
