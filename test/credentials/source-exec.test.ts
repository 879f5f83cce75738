import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { commandEnvironment, createExecSource } from '../../runtime/credentials/sources/source-exec.ts'
import { nodeCommands } from '../../runtime/node-secret-command.ts'
import { asked, refusalOf, temporaryFolder, VALUE_RULES } from '../support/secret-parts.ts'

const uid = process.getuid?.() ?? -1
const ENVIRONMENT = {
  HOME: '/nowhere',
  PATH: '/evil',
  LANG: 'C',
  XDG_SECRET: 'hidden-1',
  TOKEN: 'hidden-2',
  LD_PRELOAD: 'x',
}

const source = (args: readonly string[], file = '/bin/sh', workspaces: readonly string[] = []) =>
  createExecSource(
    'github',
    { file, args },
    {
      ...VALUE_RULES,
      commands: nodeCommands(uid, workspaces),
      environment: ENVIRONMENT,
      secretVariables: new Set(['XDG_SECRET', 'TOKEN']),
    },
  )
const shell = (script: string) => source(['-c', script])
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const pidIn = async (path: string): Promise<number> => {
  for (let tries = 0; tries < 100 && !(existsSync(path) && readFileSync(path, 'utf8') !== ''); tries++) await sleep(20)
  return Number(readFileSync(path, 'utf8'))
}

describe('{ exec: [argv…] }', () => {
  test('is what the command prints, without one line break', async () => {
    expect(await shell('echo secret-12345').fetch(asked())).toMatchObject({ value: 'secret-12345', user: 'alice' })
    expect(await shell('printf "secret-1\\r\\n"').fetch(asked())).toMatchObject({ value: 'secret-1' })
  })

  test('has a few variables, nothing to read, no terminal and a group of its own', async () => {
    const seen = await shell(
      'echo "$HOME|$PATH|$LANG|$XDG_SECRET|$TOKEN|$LD_PRELOAD|$(cat)|$(pwd)|$(ps -o pgid= $$ | tr -d " ")=$$"',
    ).fetch(asked())
    expect(seen.value).toMatch(/^\/nowhere\|\/usr\/local\/bin:\/usr\/bin:\/bin\|C\|\|\|\|\|\/\|(\d+)=\1$/)
    expect(commandEnvironment({ ...ENVIRONMENT, XDG_X: '1' }, new Set())).toEqual({
      HOME: '/nowhere',
      LANG: 'C',
      PATH: '/usr/local/bin:/usr/bin:/bin',
      XDG_SECRET: 'hidden-1',
      XDG_X: '1',
    })
  })

  test('takes arguments as they are, and the name of the user', async () => {
    const echo = source(['%s', '$(id);${user}`id`'], '/usr/bin/printf')
    expect(echo.isPerUser).toBe(true)
    expect(await echo.fetch(asked())).toMatchObject({ value: '$(id);alice`id`' })
    expect(await refusalOf(() => echo.fetch(asked({ user: '-v' })))).toContain('the name of the user')
  })

  test.each<[string, string, RegExp]>([
    ['a failure, and shows nothing that it said', 'echo sekret; echo sekret >&2; exit 3', /exit code 3/],
    ['several lines', 'echo sekret; echo sekret', /several lines/],
    ['two line breaks', 'echo sekret; echo', /several lines/],
    ['nothing', 'true', /is empty/],
    ['a control character', 'printf "sekret\\001"', /control character/],
    ['what is no text', 'printf "sekret\\377"', /UTF-8/],
    ['a signal', 'kill -9 $$', /ended by SIGKILL/],
  ])('refuses %s', async (_name, script, words) => {
    const said = await refusalOf(() => shell(script).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toContain('sekret')
  })

  test('refuses a command that others could have written', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'get')
    writeFileSync(file, '#!/bin/sh\necho secret-12345\n', { mode: 0o755 })
    expect(await source([], file).fetch(asked())).toMatchObject({ value: 'secret-12345' })
    expect(await refusalOf(() => source([], file, [folder]).fetch(asked()))).toContain('in the workspace')
    chmodSync(folder, 0o777)
    expect(await refusalOf(() => source([], file).fetch(asked()))).toContain('a folder that it lies in')
    chmodSync(folder, 0o1777)
    expect(await source([], file).fetch(asked())).toMatchObject({ value: 'secret-12345' })
    chmodSync(file, 0o775)
    expect(await refusalOf(() => source([], file).fetch(asked()))).toContain('others can write')
    expect(await refusalOf(() => source([], join(folder, 'none')).fetch(asked()))).toContain('no such file')
    expect(await refusalOf(() => source([], folder).fetch(asked()))).toContain('no regular file')
    chmodSync(file, 0o644)
    expect(await refusalOf(() => source([], file).fetch(asked()))).toContain("couldn't be started: EACCES")
  })

  test('is ended with all that it started: by its time, by too much, by its end and by an abort', async () => {
    const folder = temporaryFolder()
    const commands = nodeCommands(uid, [])
    const run = (name: string, script: string, more: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
      commands.run({
        file: '/bin/sh',
        args: ['-c', `sleep 60 & echo $! > ${join(folder, name)}; ${script}`],
        environment: { PATH: '/usr/bin:/bin' },
        timeoutMs: 5000,
        outputBytesMax: 1000,
        signal: AbortSignal.timeout(20_000),
        ...more,
      })
    expect(await run('time', 'sleep 60', { timeoutMs: 300 })).toEqual({ how: 'timeout' })
    expect(await run('much', 'yes')).toEqual({ how: 'too-much' })
    expect(await run('end', 'echo secret')).toMatchObject({ how: 'exit', code: 0, output: Buffer.from('secret\n') })
    const abort = new AbortController()
    const aborted = run('abort', 'sleep 60', { signal: abort.signal })
    const pid = await pidIn(join(folder, 'abort'))
    expect(isAlive(pid)).toBe(true)
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await sleep(100)
    for (const name of ['time', 'much', 'end', 'abort'])
      expect(isAlive(await pidIn(join(folder, name))), name).toBe(false)
  })

  test('does not wait for what left its group', async () => {
    const startedAt = performance.now()
    expect(await shell('setsid sleep 3 & echo secret-12345').fetch(asked())).toMatchObject({ value: 'secret-12345' })
    expect(performance.now() - startedAt).toBeLessThan(2500)
  })

  test('runs once for all who ask at the same time, once in a run, and again where it was refused', async () => {
    const folder = temporaryFolder()
    const count = (): number => readFileSync(join(folder, 'runs'), 'utf8').length
    const counting = shell(
      `printf x >> ${folder}/runs; sleep 0.2; echo secret-$(wc -c < ${folder}/runs | tr -d ' ')0000`,
    )
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => counting.fetch(asked({ user: `u${index}` }))))
    expect(all.map(({ value }) => value)).toEqual(Array.from({ length: 8 }, () => 'secret-10000'))
    expect(all.map(({ user }) => user)).toEqual(Array.from({ length: 8 }, (_, index) => `u${index}`))
    const [first] = all
    expect(await counting.fetch(asked())).toMatchObject({ value: 'secret-10000' })
    expect(count()).toBe(1)
    const again = await Promise.all([1, 2, 3].map(() => counting.fetch(asked({ rejected: first?.version ?? '' }))))
    expect(again.map(({ value }) => value)).toEqual(['secret-20000', 'secret-20000', 'secret-20000'])
    expect(count()).toBe(2)
  })

  test('goes on for the others when one leaves, and ends when all have left', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'a'))
    const slow = shell(`echo $$ > ${folder}/pid; sleep 0.5; echo secret-12345`)
    const [one, two] = [new AbortController(), new AbortController()]
    const leaving = slow.fetch(asked({ signal: one.signal }))
    const staying = slow.fetch(asked())
    one.abort(new Error('left'))
    await expect(leaving).rejects.toThrow('left')
    expect(await staying).toMatchObject({ value: 'secret-12345' })
    const forever = shell(`echo $$ > ${folder}/pid2; sleep 60`)
    const alone = forever.fetch(asked({ signal: two.signal }))
    const pid = await pidIn(join(folder, 'pid2'))
    two.abort(new Error('left'))
    await expect(alone).rejects.toThrow('left')
    await sleep(100)
    expect(isAlive(pid)).toBe(false)
  })
})
