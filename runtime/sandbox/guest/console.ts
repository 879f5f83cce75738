import { log } from './wire.ts'

const REACHED = 'limit log reached; nothing more is recorded'

/** What console prints goes to the trail. Counted here so that a flood stops before it crosses the wall. */
export function installConsole(bytesMax: number, linesMax: number): void {
  let left = bytesMax
  let lines = 0
  const print = (level: string, args: readonly unknown[]): void => {
    if (left <= 0) return
    lines += 1
    if (lines > linesMax) {
      left = 0
      return log(level, `… (${REACHED})`)
    }
    let text = args.map(shown).join(' ')
    if (text.length >= left) text = `${text.slice(0, left)} … (${REACHED})`
    left -= text.length + 1
    log(level, text)
  }
  const methods: Record<string, (...args: unknown[]) => void> = {}
  for (const level of ['log', 'info', 'warn', 'error', 'debug', 'trace']) {
    methods[level] = (...args) => print(level, args)
  }
  methods['assert'] = (condition, ...args) =>
    void (condition ? undefined : print('error', ['Assertion failed:', ...args]))
  for (const quiet of ['group', 'groupEnd', 'time', 'timeEnd', 'timeLog', 'count', 'table', 'dir']) {
    methods[quiet] = (...args) => print('log', args)
  }
  Object.defineProperty(globalThis, 'console', {
    value: methods,
    writable: true,
    enumerable: false,
    configurable: true,
  })
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return value.stack ?? `${value.name}: ${value.message}`
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
