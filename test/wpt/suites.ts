/** The folders of the Web Platform Tests that say something of a guest, and how they went. */
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { filesOf, playFile, type PlayedFile } from './play.ts'

export const SUITES = [
  'url',
  'encoding',
  'dom/abort',
  'dom/events',
  'streams',
  'FileAPI',
  'hr-time',
  'html/webappapis',
  'WebCryptoAPI',
] as const

/** Files side by side: one plays while another waits for its timers. */
const SIDE_BY_SIDE = 3

export interface PlayedSuite {
  readonly folder: string
  readonly files: number
  readonly subtests: number
  readonly passed: number
  readonly failures: readonly string[]
}

export async function playSuite(sandbox: Sandbox, root: string, folder: string): Promise<PlayedSuite> {
  const waiting = filesOf(root, folder)
  const files = waiting.length
  const played: PlayedFile[] = []
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      played.push(await playFile(sandbox, root, file))
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work))
  const failures = played.flatMap(({ file, subtests }) =>
    subtests.filter(({ passed }) => !passed).map(({ name, message }) => `${file} | ${name} | ${message}`),
  )
  const subtests = played.reduce((sum, file) => sum + file.subtests.length, 0)
  return { folder, files, subtests, passed: subtests - failures.length, failures: failures.toSorted() }
}

export function tableOf(suites: readonly PlayedSuite[]): string {
  const rows = suites.map(({ folder, files, subtests, passed }) => {
    const share = subtests === 0 ? 0 : (100 * passed) / subtests
    return `| ${folder} | ${files} | ${subtests} | ${passed} | ${(Math.floor(share * 10) / 10).toFixed(1)} % |`
  })
  return ['| folder | files | subtests that apply | passed | |', '| --- | --: | --: | --: | --: |', ...rows].join('\n')
}
