/** Loads the modules of a copy of the tree many times over, each time with another text in place of one file. */
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const STAND_IN = new URL('vitest-here.ts', import.meta.url).href
const STANDS_FOR: ReadonlySet<string> = new Set(['vitest', 'fast-check'])

export interface TreeCopy {
  /** A fresh set of modules from now on: those of the tree, but `file` holds `text`. */
  readonly renew: (file: string, text: string) => void
  /** The files that were loaded since. */
  readonly loaded: () => ReadonlySet<string>
  readonly load: (file: string) => Promise<Readonly<Record<string, unknown>>>
}

/** `root`: the copy; `edit` is the last word on each file's text. */
export function openTreeCopy(root: string, edit: (file: string, text: string) => string): TreeCopy {
  const rootUrl = `${pathToFileURL(root).href}/`
  const isOurs = (url: string): boolean => url.startsWith(rootUrl) && !url.includes('/node_modules/')
  const stripped = new Map<string, string>()
  let generation = 0
  let loaded = new Set<string>()
  let changed = { file: '', text: '' }
  registerHooks({
    resolve(specifier, context, next) {
      const isFromTest = context.parentURL !== undefined && isOurs(context.parentURL)
      if (isFromTest && STANDS_FOR.has(specifier)) return { url: STAND_IN, shortCircuit: true }
      const resolved = next(specifier, context)
      if (!isOurs(resolved.url) || resolved.url.includes('?')) return resolved
      return { ...resolved, url: `${resolved.url}?${generation}` }
    },
    load(url, context, next) {
      if (!isOurs(url) || !url.includes('.ts?')) return next(url, context)
      const path = fileURLToPath(url)
      const file = path.slice(root.length + 1)
      loaded.add(file)
      const source = file === changed.file ? stripTypeScriptTypes(changed.text) : stripped.get(file)
      const text = source ?? stripTypeScriptTypes(edit(file, readFileSync(path, 'utf8')))
      if (file !== changed.file) stripped.set(file, text)
      return { format: 'module', source: text, shortCircuit: true }
    },
  })
  return {
    renew(file, text) {
      generation += 1
      loaded = new Set()
      changed = { file, text }
    },
    loaded: () => loaded,
    load: async (file) => (await import(`${rootUrl}${file}?${generation}`)) as Readonly<Record<string, unknown>>,
  }
}
