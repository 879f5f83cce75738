/** Completion in real shells, in a folder of hostile names; a shell that is not installed here is skipped. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine } from '../../runtime/cli/commands.ts'
import { openDesk, type Desk } from '../support/program.ts'

/** Each would make the file `pwned` if a shell executed any of it. */
const HOSTILE = [
  '$(touch pwned).yaml',
  '`touch pwned`.yaml',
  'x;touch pwned;.yaml',
  '${x:=$(touch pwned)}.md',
  "'; touch pwned #.yaml",
]
const FILES = ['agent.yaml', 'notes.md', 'other.txt', ...HOSTILE]

let desk: Desk
const scripts: Record<string, string> = {}

beforeAll(async () => {
  desk = openDesk(Object.fromEntries(FILES.map((file) => [file, ''])))
  mkdirSync(join(desk.workspace, 'sub'))
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { exit, stdout, stderr } = await desk.run('completion', shell)
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    scripts[shell] = join(desk.home, `completion.${shell}`)
    writeFileSync(scripts[shell] ?? '', stdout)
  }
})
afterAll(() => desk[Symbol.dispose]())

const hasShell = (name: string): boolean => ['/bin', '/usr/bin'].some((folder) => existsSync(join(folder, name)))

/** No program but the shell's own and `touch`: a completion that started run-agent would find none. */
const environment = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', TERM: 'dumb' }

/** What bash would offer behind these words, the last of which is being typed. */
function inBash(...words: readonly string[]): readonly string[] {
  const program = `source "$0"
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_run_agent
printf '%s\\0' "\${COMPREPLY[@]}"`
  const args = ['--norc', '-c', program, scripts['bash'] ?? '', 'run-agent', ...words]
  const said = execFileSync('bash', args, { cwd: desk.workspace, env: environment, encoding: 'utf8' })
  return said
    .split('\0')
    .filter((word) => word !== '')
    .toSorted()
}

/** fish completes a whole line for whoever asks. */
function inFish(line: string): readonly string[] {
  const args = ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', scripts['fish'] ?? '', line]
  const said = execFileSync('fish', args, { cwd: desk.workspace, env: environment, encoding: 'utf8' })
  return said
    .split('\n')
    .map((word) => word.split('\t')[0] ?? '')
    .filter((word) => word !== '')
    .toSorted()
}

/**
 * The words of the line that an interactive zsh makes of these keys. It hands them to `print`, as it would to any
 * program, so that a name which is not quoted as it should be is executed.
 */
function inZsh(keys: string): readonly string[] {
  const program = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=''; unset zle_bracketed_paste; cd \${(q)2}; autoload -U compinit; compinit -u -D; source \${(q)1}; print RE''ADY"
while zpty -r z line; do [[ $line == READY* ]] && break; done
zpty -w -n z "$3"
sleep 1
zpty -w z $'\\C-aprint -rl -- BEG"IN" \\C-e "E"ND'
while zpty -r z line; do print -r -- "\${line//$'\\r'/}"; [[ $line == END* ]] && break; done
zpty -d z`
  const args = ['-f', '-c', program, 'zsh', scripts['zsh'] ?? '', desk.workspace, keys]
  const options = { cwd: desk.workspace, env: environment, encoding: 'utf8', timeout: 20_000 } as const
  const lines = spawnSync('zsh', args, options)
    .stdout.split('\n')
    .filter((line) => line !== '')
  return lines.slice(lines.indexOf('BEGIN') + 1, lines.indexOf('END'))
}

const noneExecuted = (): void => expect(readdirSync(desk.workspace)).not.toContain('pwned')

const DEFINITIONS = [...FILES.filter((file) => /\.(yaml|md)$/.test(file)), 'sub'].toSorted()

describe('completion', () => {
  test('asks for a shell that it knows', async () => {
    for (const args of [['completion'], ['completion', 'csh'], ['completion', 'constructor']]) {
      const { exit, stderr } = await desk.run(...args)
      expect(exit).toBe(2)
      expect(stderr).toContain('name your shell: bash, zsh or fish')
    }
  })

  test('offers only words that the program takes', async () => {
    for (const [command, subjects] of [
      ['schema', inBash('schema', '')],
      ['completion', inBash('completion', '')],
    ] as const) {
      expect(subjects.length).toBeGreaterThan(0)
      for (const subject of subjects) expect((await desk.run(command, subject)).exit).toBe(0)
    }
    for (const question of inBash('audit', '')) {
      expect((await desk.run('audit', question)).stderr).not.toContain('there is no such question')
    }
  })

  test('offers every command and option of the help', async () => {
    const help = await commandLine([], () => undefined).getHelp()
    const commands = [...help.matchAll(/^ {2}run-agent ([a-z]+)/gm)].map(([, name]) => name ?? '')
    expect(commands).toContain('check')
    expect(inBash('')).toEqual([...DEFINITIONS, ...commands].toSorted())
    const options = [...help.matchAll(/ (--[a-z-]+) /g)].map(([, name]) => name ?? '')
    expect(options).toContain('--workspace')
    expect(inBash('agent.yaml', '--')).toEqual(options.toSorted())
    expect(inBash('check', '--')).toContain('--json')
    expect(inBash('check', '--')).not.toContain('--fail-on-deny')
  })

  test('bash: definitions and folders, and nothing of their names is executed', () => {
    expect(inBash('check', '')).toEqual(DEFINITIONS)
    expect(inBash('check', '$(')).toEqual(['$(touch pwned).yaml'])
    expect(inBash('doctor', 'ag')).toEqual(['agent.yaml'])
    expect(inBash('--workspace', '')).toEqual(['sub'])
    expect(inBash('--config', 'ot')).toEqual(['other.txt'])
    for (const name of HOSTILE) {
      inBash(name)
      inBash('check', name)
      inBash('--config', name)
      inBash(name, '--')
    }
    noneExecuted()
  })

  test.skipIf(!hasShell('fish'))('fish: the same', () => {
    expect(inFish('run-agent che')).toEqual(['check'])
    expect(inFish('run-agent audit ')).toEqual(['list', 'show', 'tail', 'verify'])
    // The others come last.
    expect(inFish('run-agent check ')).toEqual([...FILES, 'sub/'].toSorted())
    expect(inFish('run-agent check --j')).toEqual(['--json'])
    expect(inFish('run-agent agent.yaml --work')).toEqual(['--workspace'])
    expect(inFish('run-agent --workspace ')).toEqual(['sub/'])
    noneExecuted()
  })

  test.skipIf(!hasShell('zsh'))('zsh: the same', () => {
    expect(inZsh('run-agent comp\t')).toEqual(['run-agent', 'completion'])
    expect(inZsh('run-agent check ag\t')).toEqual(['run-agent', 'check', 'agent.yaml'])
    expect(inZsh('run-agent check n\t')).toEqual(['run-agent', 'check', 'notes.md'])
    expect(inZsh('run-agent check --js\t')).toEqual(['run-agent', 'check', '--json'])
    expect(inZsh('run-agent check \\$\\(\t')).toEqual(['run-agent', 'check', '$(touch pwned).yaml'])
    expect(inZsh('run-agent x\t')).toEqual(['run-agent', 'x;touch pwned;.yaml'])
    noneExecuted()
  })
})
