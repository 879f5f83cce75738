/** node:path as on Linux, with the workspace as the current directory. */
import base from 'path-browserify'
import { GUEST_CWD } from '../guest-paths.ts'
import { refusedMembers } from './node-refused.ts'

const WINDOWS =
  'basename dirname extname format isAbsolute join normalize parse relative resolve toNamespacedPath matchesGlob'

const resolve = (...parts: string[]): string => base.resolve(GUEST_CWD, ...parts)

export const path = {
  ...base,
  resolve,
  relative: (from: string, to: string): string => base.relative(resolve(from), resolve(to)),
  toNamespacedPath: (name: unknown): unknown => name,
  _makeLong: (name: unknown): unknown => name,
  ...refusedMembers('path', 'matchesGlob', 'it is experimental in Node; use a package such as picomatch'),
  win32: {
    sep: '\\',
    delimiter: ';',
    ...refusedMembers('path.win32', WINDOWS, 'paths of the workspace are those of Linux'),
  },
}

Object.assign(path, { posix: path })
