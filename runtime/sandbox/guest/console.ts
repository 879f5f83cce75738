import { log } from './wire.ts'

/** What console prints goes to the trail. Counted here so that a flood stops before it crosses the wall. */
export function installConsole(bytesMax: number): void {
  let left = bytesMax
  const print = (level: string, args: readonly unknown[]): void => {
    if (left <= 0) return
    let text = args.map(shown).join(' ')
    if (text.length >= left) text = `${text.slice(0, left)} … (limit log reached; nothing more is recorded)`
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
