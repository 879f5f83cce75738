/** The fenced blocks of a page, each with what it says it is: its language, a kind, the file that it stands for. */
export interface Block {
  readonly language: string
  /** `part`, `config`, `workflow`, `wrong`, `setup`, `output`; '' where the language says all. */
  readonly kind: string
  readonly file: string | undefined
  readonly text: string
  /** Counts from 1. */
  readonly line: number
}

export function blocksOf(page: string): readonly Block[] {
  const lines = page.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const [, language, rest = ''] = /^```(\w+)(.*)$/.exec(lines[at] ?? '') ?? []
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end === -1) throw new Error(`the block of line ${at + 1} has no end`)
    const words = rest
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '')
    const file = words.find((word) => word.startsWith('file='))?.slice('file='.length)
    const kind = words.find((word) => !word.startsWith('file=')) ?? ''
    blocks.push({ language, kind, file, text: `${lines.slice(at + 1, end).join('\n')}\n`, line: at + 1 })
    at = end
  }
  return blocks
}

/** What differs from run to run and from machine to machine, by what stands for it. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b01[0-9A-HJKMNP-TV-Z]{24}\b/g, 'RUN'],
  [/\bhead \d+ [0-9a-f]{16,64}/g, 'HEAD'],
  [/\bsha256-(?:[0-9a-f]{64}|…)/g, 'DIGEST'],
  [/\b[0-9a-f]{10}\b/g, 'COMMIT'],
]

/**
 * Whether a printed text is what a page shows, empty lines apart; `…` on a page stands for anything, alone on a line
 * for any lines.
 */
export function isShownAs(shown: string, printed: string): boolean {
  const settled = (text: string): string =>
    VARYING.reduce((result, [pattern, name]) => result.replaceAll(pattern, name), text)
      .replaceAll(/\n{2,}/g, '\n')
      .trim()
  const lines = settled(shown)
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escaped).join('.*')}\n`))
  return new RegExp(`^${lines.join('')}$`).test(`${settled(printed)}\n`)
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
