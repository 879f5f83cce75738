/** Reads one secret: from a terminal without showing it, or from what is piped in. Never from the command line. */
import { RunAgentError } from '../errors.ts'
import { SECRET_LENGTH_MAX } from '../limits.ts'

const ENTER = /[\r\n]/
const END_OF_TEXT = '\u0003'
const END_OF_INPUT = '\u0004'
const BACKSPACES: ReadonlySet<string> = new Set(['\u0008', '\u007f'])

/** Without the line break at its end. @throws RunAgentError E_USAGE where there is none, E_INTERRUPTED for Ctrl-C. */
export async function readSecret(prompt: string): Promise<string> {
  const value = process.stdin.isTTY ? await typed(prompt) : await piped()
  if (value !== '') return value
  throw new RunAgentError('E_USAGE', 'no value was given', {
    hint: 'Type it when asked, or pipe it in: `pass show api | run-agent credentials add api`.',
  })
}

async function piped(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const piece of process.stdin) {
    text += String(piece)
    if (text.length > SECRET_LENGTH_MAX + 1) {
      throw new RunAgentError('E_USAGE', `a secret has at most ${SECRET_LENGTH_MAX} characters`)
    }
  }
  return text.replace(/\r?\n$/, '')
}

async function typed(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  let value = ''
  try {
    for await (const piece of stdin) {
      for (const character of String(piece)) {
        if (ENTER.test(character) || character === END_OF_INPUT) return value
        if (character === END_OF_TEXT) throw new RunAgentError('E_INTERRUPTED', 'nothing was stored')
        value = BACKSPACES.has(character) ? Array.from(value).slice(0, -1).join('') : value + character
        if (value.length > SECRET_LENGTH_MAX) throw new RunAgentError('E_USAGE', 'that is too long for a secret')
      }
    }
    return value
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}
