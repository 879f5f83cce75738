/**
 * esbuild, loaded only when something must be bundled, and its process, which ends with the last bundle. esbuild
 * takes its program from its own package; the variable that names another one is removed before it is loaded.
 */

import type * as Esbuild from 'esbuild'

let users = 0

export async function withEsbuild<Result>(use: (esbuild: typeof Esbuild) => Promise<Result>): Promise<Result> {
  delete process.env['ESBUILD_BINARY_PATH']
  users++
  const esbuild = await import('esbuild')
  try {
    return await use(esbuild)
  } finally {
    users--
    if (users === 0) await esbuild.stop()
  }
}
