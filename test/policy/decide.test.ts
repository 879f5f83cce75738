import { describe, expect, test } from 'vitest'
import { allowedBy, decide, visible } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest, Decision, Facts, Grant } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'

const data = new Uint8Array()

function read(path: string): CapabilityRequest {
  return { op: 'fs.read', path }
}

function write(path: string): CapabilityRequest {
  return { op: 'fs.write', path, data, how: 'replace' }
}

function remove(path: string): CapabilityRequest {
  return { op: 'fs.delete', path, kind: 'file' }
}

function said(grant: Grant, request: CapabilityRequest, facts: Facts = {}): string {
  const decision: Decision = decide(grant, request, facts)
  return decision.kind === 'permit' ? 'permit' : decision.reason
}

const everything = grantOf({ read: ['**'], write: ['**'], delete: ['**'] })

describe('default deny', () => {
  test.for<CapabilityRequest>([
    read('a'),
    { op: 'fs.readRange', path: 'a', position: 0, length: 1 },
    { op: 'fs.stat', path: '', followLinks: true },
    { op: 'fs.list', path: '' },
    { op: 'fs.readlink', path: 'a' },
    write('a'),
    { op: 'fs.mkdir', path: 'a', recursive: true },
    remove('a'),
    { op: 'fs.rename', from: 'a', to: 'b' },
  ])('an empty grant permits no $op', (request) => {
    expect(decide(grantOf({}), request, {})).toEqual({
      kind: 'deny',
      reason: 'default-deny',
      rule: 'no rule permits it',
      allowed: 'probe has no right to any file',
    })
  })

  test('a timer is always permitted', () => {
    expect(decide(grantOf({}), { op: 'timer', delayMs: 1 }, {})).toMatchObject({ kind: 'permit', rule: 'timer' })
  })

  test('no right stands for another', () => {
    expect(said(grantOf({ read: ['**'] }), write('a'))).toBe('default-deny')
    expect(said(grantOf({ write: ['**'] }), read('a'))).toBe('default-deny')
    expect(said(grantOf({ write: ['**'] }), remove('a'))).toBe('default-deny')
    expect(said(grantOf({ delete: ['**'] }), write('a'))).toBe('default-deny')
  })
})

describe('the rule is named', () => {
  const grant = grantOf({ read: ['src/**', 'README.md'], deny: ['src/vendor/**'] })

  test('of a permit', () => {
    expect(decide(grant, read('README.md'), {})).toEqual({
      kind: 'permit',
      rule: 'read README.md',
      place: 'probe.yaml:2:1',
    })
  })

  test('of a denial, with what is allowed', () => {
    expect(decide(grant, read('SRC/../src/Vendor/a'), {})).toEqual({
      kind: 'deny',
      reason: 'deny-rule',
      rule: 'deny src/vendor/**',
      place: 'probe.yaml:9:1',
      allowed: 'probe may read: src/**, README.md; never: src/vendor/**',
    })
  })

  test('of everything allowed', () => {
    const all = grantOf({ read: ['a'], write: ['b'], delete: ['c'], git: true })
    expect(allowedBy(all)).toBe("probe may read: a; write: b; delete: c; read the repository's history")
  })
})

describe('order', () => {
  test.for<[string, string]>([
    ['../.git/config', 'bad-path'],
    ['/etc/passwd', 'bad-path'],
    ['a\0b', 'bad-path'],
    ['.git/.env', 'git-internal'],
    ['sub/.git', 'git-internal'],
    ['.GIT/config', 'git-internal'],
    ['.g\u200cit/config', 'git-internal'],
    ['hidden/.env', 'deny-rule'],
    ['a/hidden/.git/config', 'deny-rule'],
    ['a/.env', 'protected'],
    ['x/.ENV', 'protected'],
    ['.env.local', 'protected'],
    ['.env.example', 'permit'],
    ['key.pem/below', 'protected'],
    ['.docker/config.json', 'protected'],
    ['.docker/other.json', 'permit'],
    ['.config/gh/hosts.yml', 'protected'],
    ['.\u00dfh/config', 'protected'],
    ['hidden/a', 'deny-rule'],
    ['Hidden', 'deny-rule'],
    ['deep/hidden/a', 'deny-rule'],
    ['package.json', 'executed-by-others'],
    ['a/.github/workflows/x.yml', 'executed-by-others'],
    ['GNUMakefile', 'executed-by-others'],
    ['b/node_modules/a/index.js', 'executed-by-others'],
    ['.Claude/settings.json', 'executed-by-others'],
    ['agents/me.yaml', 'own-file'],
    ['Agents/Me.yaml', 'own-file'],
    ['agents/other.yaml', 'permit'],
  ])('a write to %j: %s', ([path, expected]) => {
    const grant = grantOf({ write: ['**'], deny: ['hidden'], ownFiles: ['agents/me.yaml'] })
    expect(said(grant, write(path))).toBe(expected)
  })

  test('reading what others execute, and the own files, is ordinary', () => {
    const grant = grantOf({ read: ['**'], ownFiles: ['agents/me.yaml'] })
    for (const path of ['package.json', '.github/workflows/x.yml', 'agents/me.yaml']) {
      expect(said(grant, read(path))).toBe('permit')
    }
  })

  test.for<[string, string, string]>([
    ['package.json', 'package.json', 'permit'],
    ['*/package.json', 'web/package.json', 'permit'],
    ['{package.json,x}', 'package.json', 'executed-by-others'],
    ['package.*', 'package.json', 'executed-by-others'],
    ['.github/workflows/*.yml', '.github/workflows/x.yml', 'permit'],
    ['.github/**', '.github/AGENTS.md', 'permit'],
    ['.github/AGENTS.md', '.github/AGENTS.md', 'permit'],
    ['*.config.ts', 'vite.config.ts', 'executed-by-others'],
    ['web/vite.config.ts', 'web/vite.config.ts', 'permit'],
    ['vite.config.ts/**', 'vite.config.ts/rollup.config.js', 'permit'],
    ['**/node_modules/a', 'b/node_modules/a', 'permit'],
    ['sub/*', 'sub/HEAD', 'executed-by-others'],
    ['sub/HEAD', 'sub/HEAD', 'permit'],
    ['sub/HEAD', 'sub/head', 'executed-by-others'],
    ['head/*', 'head/HEAD', 'executed-by-others'],
    ['build/**', 'build/x/BUILD', 'executed-by-others'],
    ['dockerfile/Dockerfile', 'dockerfile/Dockerfile', 'permit'],
    ['{config,x}', 'config', 'executed-by-others'],
    ['config/**', 'config', 'executed-by-others'],
    ['config/**', 'config/a.ts', 'permit'],
    ['a/\\config', 'a/config', 'permit'],
    ['agents/*', 'agents/me.yaml', 'own-file'],
    ['agents/me.yaml', 'agents/me.yaml', 'permit'],
  ])('write %s spells %s: %s', ([pattern, path, expected]) => {
    expect(said(grantOf({ write: [pattern], ownFiles: ['agents/me.yaml'] }), write(path))).toBe(expected)
  })

  test('the operator takes a path off the list of protected ones, and a rule must grant it too', () => {
    expect(said(grantOf({ read: ['.env'], allowProtected: ['.env'] }), read('.env'))).toBe('permit')
    expect(said(grantOf({ read: ['a'], allowProtected: ['.env'] }), read('.env'))).toBe('default-deny')
    expect(said(grantOf({ read: ['**'], allowProtected: ['.env'] }), read('a/.env'))).toBe('protected')
    expect(said(grantOf({ read: ['**'], allowProtected: ['.env'] }), read('.ENV'))).toBe('protected')
    expect(said(grantOf({ read: ['**'], allowProtected: ['.ssh'] }), read('.ssh/id_rsa'))).toBe('permit')
    expect(said(grantOf({ read: ['**'], deny: ['.env'], allowProtected: ['.env'] }), read('.env'))).toBe('deny-rule')
  })
})

describe('links', () => {
  test('what they lead to passes every question as well', () => {
    const grant = grantOf({ read: ['src/**'], deny: ['src/vendor/**'] })
    expect(said(grant, read('src/l'), { resolved: 'src/a' })).toBe('permit')
    for (const resolved of ['a', 'src/vendor/a', 'src/.env', '.git/config', '..', '/etc/passwd']) {
      expect(said(grant, read('src/l'), { resolved })).toBe('link')
    }
    expect(said(grant, read('other'), { resolved: 'src/a' })).toBe('default-deny')
  })

  test('a denial says so and names no target', () => {
    const decision = decide(grantOf({ read: ['src/**'] }), read('src/l'), { resolved: 'secret/plans' })
    expect(decision).toMatchObject({ kind: 'deny', rule: 'no rule permits it, through a link' })
    expect(JSON.stringify(decision)).not.toContain('plans')
  })

  test('of a rename have two facts', () => {
    const grant = grantOf({ read: ['a/**'], delete: ['a/**'], write: ['b/**'] })
    const rename: CapabilityRequest = { op: 'fs.rename', from: 'a/x', to: 'b/x' }
    expect(said(grant, rename)).toBe('permit')
    expect(said(grant, rename, { resolved: 'a/y', resolvedTo: 'b/y' })).toBe('permit')
    expect(said(grant, rename, { resolved: 'c' })).toBe('link')
    expect(said(grant, rename, { resolvedTo: 'a/x' })).toBe('link')
  })
})

describe('folders', () => {
  const grant = grantOf({ read: ['src/lib/*.ts', 'README.md'], deny: ['src/lib/private'] })

  test.for<[string, 'file' | 'directory', boolean]>([
    ['', 'directory', true],
    ['src', 'directory', true],
    ['src/lib', 'directory', true],
    ['src/lib/a.ts', 'file', true],
    ['src/lib/a.js', 'file', false],
    ['src/lib/private', 'directory', false],
    ['src/other', 'directory', false],
    ['src', 'file', false],
    ['README.md', 'file', true],
    ['.git', 'directory', false],
  ])('%j as %s is shown: %s', ([path, type, expected]) => {
    expect(visible(grant, path, type)).toBe(expected)
  })

  test('are made where a write could land', () => {
    const writer = grantOf({ write: ['reports/*/x.md'] })
    for (const path of ['reports', 'reports/a', './reports/']) {
      expect(said(writer, { op: 'fs.mkdir', path, recursive: true })).toBe('permit')
    }
    for (const path of ['other', 'reports/a/b', '.git', '.ssh']) {
      expect(said(writer, { op: 'fs.mkdir', path, recursive: true })).not.toBe('permit')
    }
  })

  test('are made and deleted under words that name an executed file', () => {
    const changer = grantOf({ read: ['**'], write: ['**'], delete: ['**'] })
    for (const path of ['config', 'src/makefile', 'a/HEAD', 'build']) {
      expect(said(changer, { op: 'fs.mkdir', path, recursive: true })).toBe('permit')
      expect(said(changer, { op: 'fs.delete', path, kind: 'directory' })).toBe('permit')
      for (const request of [write(path), remove(path), { op: 'fs.rename', from: 'x', to: path } as const]) {
        expect(said(changer, request)).toBe('executed-by-others')
      }
    }
    for (const path of ['.github', 'a/node_modules', '.vscode/x']) {
      expect(said(changer, { op: 'fs.mkdir', path, recursive: true })).toBe('executed-by-others')
    }
  })

  test('a rename needs read and delete of one and write of the other', () => {
    const rename: CapabilityRequest = { op: 'fs.rename', from: 'a', to: 'b' }
    expect(said(grantOf({ read: ['a'], delete: ['a'], write: ['b'] }), rename)).toBe('permit')
    expect(said(grantOf({ delete: ['a'], write: ['b'] }), rename)).toBe('default-deny')
    expect(said(grantOf({ read: ['a'], write: ['b'] }), rename)).toBe('default-deny')
    expect(said(grantOf({ read: ['a'], delete: ['a'], write: ['a'] }), rename)).toBe('default-deny')
  })
})

describe('git: read', () => {
  const grant = grantOf({ git: true, deny: ['src', '*.ts'] })

  test.for(['.git/HEAD', '.git/packed-refs', '.git/shallow', '.git/refs/heads/a', '.git/objects/ab/cd'])(
    '%s is read, whatever the rules for the files of today',
    (path) => {
      expect(said(grant, read(path))).toBe('permit')
      expect(said(everything, read(path))).toBe('git-internal')
    },
  )

  test.for([
    '.git/config',
    '.git/hooks/pre-commit',
    '.git/logs/HEAD',
    '.git/index',
    '.git/credentials',
    '.git/HEAD/x',
    '.git/worktrees/x/HEAD',
    '.git/modules/x/HEAD',
    '.git',
    '.GIT/HEAD',
    'sub/.git/HEAD',
    '.git/refs/../config',
    '.git/refs/.git/HEAD',
  ])('%s is not', (path) => {
    expect(said(grant, read(path))).toBe('git-internal')
  })

  test.for<[string, readonly string[]]>([
    ['.git', ['.git', '.git/HEAD', '.git/packed-refs', '.git/refs/heads/a', '.git/objects/ab/cd']],
    ['.GIT/**', ['.git', '.git/HEAD', '.git/packed-refs', '.git/refs/heads/a', '.git/objects/ab/cd']],
    ['.git/objects/**', ['.git/objects/ab/cd']],
    ['refs', ['.git/refs/heads/a']],
    ['HEAD', ['.git/HEAD']],
    ['**', ['', '.git', '.git/HEAD', '.git/packed-refs', '.git/refs/heads/a', '.git/objects/ab/cd']],
  ])('but a deny of %s wins', ([deny, denied]) => {
    const all = grantOf({ read: ['**'], git: true, deny: [deny] })
    for (const path of ['', '.git', '.git/HEAD', '.git/packed-refs', '.git/refs/heads/a', '.git/objects/ab/cd']) {
      const request: CapabilityRequest = ['', '.git'].includes(path) ? { op: 'fs.list', path } : read(path)
      expect(said(all, request), path).toBe(denied.includes(path) ? 'deny-rule' : 'permit')
    }
  })

  test('lists, and changes nothing', () => {
    for (const path of ['.git', '.git/refs', '.git/objects/pack']) {
      expect(said(grant, { op: 'fs.list', path })).toBe('permit')
    }
    expect(said(grantOf({ git: true }), { op: 'fs.list', path: '' })).toBe('permit')
    const all = grantOf({ read: ['**'], write: ['**'], delete: ['**'], git: true })
    for (const path of ['.git', '.git/HEAD', '.git/refs/heads/a', '.git/objects/x']) {
      expect(said(all, write(path))).toBe('git-internal')
      expect(said(all, remove(path))).toBe('git-internal')
      expect(said(all, { op: 'fs.mkdir', path, recursive: true })).toBe('git-internal')
      expect(said(all, { op: 'fs.rename', from: path, to: 'a' })).toBe('git-internal')
      expect(said(all, { op: 'fs.rename', from: 'a', to: path })).toBe('git-internal')
    }
  })
})

test('what was asked before changes no answer', () => {
  const text = { read: ['a/**', 'b'], write: ['a/b'], delete: ['b', 'a/d'], deny: ['a/x'] }
  const questions: (readonly [CapabilityRequest, Facts])[] = []
  for (const path of ['a/b', 'b', 'a/x', 'a', '.env', '../a', 'a/d', `a/${'x'.repeat(600)}`]) {
    for (const facts of [{}, { resolved: 'a/x' }, { resolved: 'b' }, { isFolder: false }] as const) {
      questions.push([read(path), facts], [write(path), facts], [remove(path), facts])
      questions.push([{ op: 'fs.stat', path, followLinks: true }, facts])
      questions.push([{ op: 'fs.list', path }, facts], [{ op: 'fs.mkdir', path, recursive: true }, facts])
      questions.push([{ op: 'fs.delete', path, kind: 'directory' }, facts])
    }
  }
  const grant = grantOf(text)
  for (const [request, facts] of [...questions, ...questions.toReversed()]) {
    expect(decide(grant, request, facts)).toEqual(decide(grantOf(text), request, facts))
  }
  // Nor does a path that looks like two.
  for (let count = 0; count < 1000; count += 1) expect(said(grant, read(`a/${count}`))).toBe('permit')
})
