/** The parts of a package.json that resolution looks at, read as hostile data. */

export interface PackageJson {
  readonly version: string
  readonly exports: unknown
  readonly imports: unknown
  readonly module: string | undefined
  readonly main: string | undefined
  /** A replacement of `main`, or replacements by specifier or file; false stands for an empty module. */
  readonly browser: string | ReadonlyMap<string, string | false>
  /** True if the package says that none of its modules does anything by being imported. */
  readonly pure: boolean
}

const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/

export function parsePackageJson(bytes: Uint8Array): PackageJson | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  const version = stringOf(fields.get('version'))
  return {
    version: version !== undefined && VERSION.test(version) ? version : '0.0.0',
    exports: fields.get('exports'),
    imports: fields.get('imports'),
    module: stringOf(fields.get('module')),
    main: stringOf(fields.get('main')),
    browser: browserOf(fields.get('browser')),
    pure: fields.get('sideEffects') === false,
  }
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function browserOf(value: unknown): PackageJson['browser'] {
  if (typeof value === 'string') return value
  const replacements = new Map<string, string | false>()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return replacements
  for (const [from, to] of Object.entries(value)) {
    if (typeof to === 'string' || to === false) replacements.set(from, to)
  }
  return replacements
}
