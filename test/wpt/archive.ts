/**
 * Where the Web Platform Tests come from: Debian's source package of Node 18 holds 1,375 of their files as they are.
 * Nothing of them is in this repository.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SOURCE =
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n'
const ARCHIVE = /^nodejs_18[^/]*\.orig\.tar\.xz$/
const INSIDE = 'test/fixtures/wpt'
/** Each of three steps; they take 15 seconds together where Debian is near. */
const DOWNLOAD_MS = 30_000

/** `RUN_AGENT_WPT` names an unpacked copy; else it is kept here. */
const cache = join(tmpdir(), `run-agent-wpt-${process.getuid?.() ?? 0}`)

/** The folder that holds `resources/testharness.js`; undefined where it is neither here nor to be had. */
export function findTests(mayDownload: boolean): string | undefined {
  const named = process.env['RUN_AGENT_WPT']
  const kept = join(cache, 'wpt')
  for (const folder of named === undefined ? [kept] : [named]) {
    if (existsSync(join(folder, 'resources/testharness.js'))) return folder
  }
  if (!mayDownload || named !== undefined) return undefined
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  const archive = download()
  return archive === undefined ? undefined : unpack(archive, kept)
}

/** By apt with lists and files of its own, so that the machine's stay as they are. */
function download(): string | undefined {
  const apt = join(cache, 'apt')
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, folder), { recursive: true })
  const list = join(apt, 'sources.list')
  writeFileSync(list, SOURCE)
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=/dev/null',
    'Acquire::Retries=0',
    'Acquire::http::Timeout=10',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    `APT::Sandbox::User=${process.env['USER'] ?? 'root'}`,
  ].flatMap((option) => ['-o', option])
  const get = (...words: string[]): boolean =>
    spawnSync('apt-get', [...options, '--quiet', ...words], { cwd: cache, timeout: DOWNLOAD_MS, stdio: 'ignore' })
      .status === 0
  if (!get('update') || !get('source', '--download-only', 'nodejs')) return undefined
  const name = readdirSync(cache).find((file) => ARCHIVE.test(file))
  return name === undefined ? undefined : join(cache, name)
}

function unpack(archive: string, folder: string): string | undefined {
  const fresh = join(cache, 'unpacking')
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh)
  const words = ['--extract', '--xz', '--file', archive, '--directory', fresh, '--strip-components=1', '--wildcards']
  const { status } = spawnSync('tar', [...words, `*/${INSIDE}/*`], { timeout: DOWNLOAD_MS, stdio: 'ignore' })
  if (status !== 0) return undefined
  rmSync(folder, { recursive: true, force: true })
  renameSync(join(fresh, INSIDE), folder)
  rmSync(fresh, { recursive: true })
  return folder
}
