/**
 * The guest's clock stands still between deliveries and moves only with them, so that a replay sees the same
 * times. Every road to the real clock is closed: Date, its prototype's constructor, Intl's formatters.
 * (Temporal is removed with the other globals that are not on the list.)
 */

let now = 0

export function setClock(ms: number): void {
  now = ms
}

export function installClock(): void {
  const RealDate = Date
  const construct = (args: readonly unknown[], target: Function): object =>
    Reflect.construct(RealDate, args.length === 0 ? [now] : args, target)
  // A function and not a class: `Date()` without `new` returns a string (ECMA-262 21.4.2.1).
  const GuestDate = function (this: unknown, ...args: unknown[]): unknown {
    return new.target === undefined ? new RealDate(now).toString() : construct(args, new.target)
  }
  const fixed = (value: unknown): PropertyDescriptor => ({
    value,
    writable: false,
    enumerable: false,
    configurable: false,
  })
  Object.defineProperties(GuestDate, {
    name: { value: 'Date' },
    length: { value: 7 },
    prototype: fixed(RealDate.prototype),
    now: fixed(() => now),
    parse: fixed(RealDate.parse),
    UTC: fixed(RealDate.UTC),
  })
  Object.defineProperty(RealDate.prototype, 'constructor', fixed(GuestDate))
  Object.defineProperty(globalThis, 'Date', fixed(GuestDate))
  installIntlClock()
}

/** `format()` and `formatToParts()` without an argument read the clock themselves; give them ours. */
function installIntlClock(): void {
  const prototype = Intl.DateTimeFormat.prototype
  const getFormat = Object.getOwnPropertyDescriptor(prototype, 'format')?.get
  const formatToParts = prototype.formatToParts
  if (getFormat === undefined) throw new Error('Intl.DateTimeFormat.prototype.format is not a getter')
  Object.defineProperty(prototype, 'format', {
    get(this: Intl.DateTimeFormat) {
      const real: (date?: Date | number) => string = getFormat.call(this)
      return (date?: Date | number) => real(date === undefined ? now : date)
    },
    enumerable: false,
    configurable: false,
  })
  Object.defineProperty(prototype, 'formatToParts', {
    value(this: Intl.DateTimeFormat, date?: Date | number) {
      return formatToParts.call(this, date === undefined ? now : date)
    },
    writable: false,
    enumerable: false,
    configurable: false,
  })
}
