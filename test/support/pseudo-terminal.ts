/** The program on a real pseudo-terminal, and what a terminal makes of what is written to it. */
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { REPOSITORY, type Desk } from './program.ts'

/** `script` of util-linux: others have other options. */
export const HAS_PSEUDO_TERMINAL = String(spawnSync('script', ['--version']).stdout).includes('util-linux')

export interface OnTerminal {
  /** As if typed: `\x03` is Ctrl-C. */
  type(text: string): void
  saying(text: string): Promise<void>
  readonly finished: Promise<{ readonly exit: number | null; readonly written: string }>
}

export function startOnTerminal(
  desk: Desk,
  args: readonly string[],
  options: {
    readonly columns?: number
    readonly environment?: Readonly<Record<string, string>>
    /** `asks`: a run is not trusted by itself. */
    readonly trust?: 'given' | 'asks'
  } = {},
): OnTerminal {
  const folder = dirname(desk.workspace)
  const trust = options.trust === 'asks' ? [] : ['--trust']
  const words = [process.execPath, join(REPOSITORY, 'runtime/bin.js'), ...args, ...trust]
  const command = words.map((word) => `'${word}'`).join(' ')
  const child = spawn(
    'script',
    ['--quiet', '--return', '--flush', '--command', `stty cols ${options.columns ?? 80}; exec ${command}`, '/dev/null'],
    {
      cwd: desk.workspace,
      env: {
        PATH: process.env['PATH'],
        HOME: desk.home,
        SHELL: '/bin/sh',
        TERM: 'xterm-256color',
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(folder, 'cache'),
        XDG_STATE_HOME: join(folder, 'state'),
        XDG_CONFIG_HOME: join(folder, 'config'),
        ...options.environment,
      },
    },
  )
  let written = ''
  const waiting = new Map<string, () => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text
    for (const [wish, resolve] of waiting) if (written.includes(wish)) resolve()
  })
  const { promise, resolve } = Promise.withResolvers<{ exit: number | null; written: string }>()
  child.on('close', (exit) => resolve({ exit, written }))
  return {
    type: (text) => void child.stdin.write(text),
    saying: (text) => new Promise((heard) => (written.includes(text) ? heard() : void waiting.set(text, heard))),
    finished: promise,
  }
}

export interface Rendered {
  /** What stands on the screen in the end, without the spaces at the end of a line. */
  readonly lines: readonly string[]
  /** The widest that any line ever was, in columns. */
  readonly width: number
  /** Every escape sequence, each once. */
  readonly sequences: ReadonlySet<string>
}

// oxlint-disable-next-line no-control-regex
const PIECE = /\x1b\[[\d;?]*[A-Za-z]|[\s\S]/gu

/** Knows what the program may use: `\r`, `\n`, the erasing of a line's end, and colours. Anything else is an error. */
export function render(written: string): Rendered {
  const lines: string[][] = [[]]
  let column = 0
  let width = 0
  const sequences = new Set<string>()
  for (const [piece] of written.matchAll(PIECE)) {
    const line = lines.at(-1) ?? []
    if (piece === '\r') column = 0
    else if (piece === '\n') {
      lines.push([])
      column = 0
    } else if (piece === '\x1b[K') line.length = column
    // oxlint-disable-next-line no-control-regex
    else if (!/^\x1b\[\d*m$/.test(piece) && /^[\p{Cc}]/u.test(piece))
      throw new Error(`a terminal would obey ${JSON.stringify(piece)}`)
    else if (!piece.startsWith('\x1b')) {
      // A wide character takes two places.
      line[column] = piece
      if (isWide(piece)) line[column + 1] = ''
      column += isWide(piece) ? 2 : 1
      width = Math.max(width, column)
    }
    if (piece.startsWith('\x1b')) sequences.add(piece)
  }
  return {
    lines: lines.map((line) =>
      Array.from(line, (place) => place ?? ' ')
        .join('')
        .trimEnd(),
    ),
    width,
    sequences,
  }
}

/** Of the characters that the tests use. */
function isWide(character: string): boolean {
  return /[\p{Script=Han}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u.test(character)
}
