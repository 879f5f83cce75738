import { expect, test } from 'vitest'
import {
  EXECUTED_BY_OTHERS,
  executedByOthers,
  isGitInternal,
  PROTECTED,
  protectedBy,
} from '../../runtime/policy/protected-paths.ts'

test.for(PROTECTED)('$pattern is protected at any depth, in any case, with all below it', ({ pattern, except }) => {
  const name = pattern.replace('*', 'x')
  for (const path of [name, `a/b/${name}`, `${name}/below/it`, name.toUpperCase(), `a/${name.toUpperCase()}/b`]) {
    expect(protectedBy(path), path).toBe(pattern)
  }
  for (const path of except ?? []) expect(protectedBy(`a/${path}`), path).toBeUndefined()
})

test.for(EXECUTED_BY_OTHERS)('$pattern is executed by others at any depth, in any case', ({ pattern }) => {
  for (const path of [pattern, `a/${pattern}`, pattern.toUpperCase(), `${pattern}/below`]) {
    expect(executedByOthers(path), path).toEqual([pattern])
  }
})

test.for([
  'env',
  'a.env',
  '.environment',
  'pem',
  'my_id_rsa',
  '.sshx/a',
  'config/gh',
  '.docker',
  '.config/ghx',
  '.gitignore',
])('%s is an ordinary path', (path) => {
  expect(protectedBy(path)).toBeUndefined()
  expect(isGitInternal(path)).toBe(false)
})

test.for(['.git', '.git/config', 'a/.git/b', '.GIT', '.Git/x', '.g\u200cit/x'])('%j is git’s own', (path) => {
  expect(isGitInternal(path)).toBe(true)
})
