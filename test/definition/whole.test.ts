/** A definition that uses everything, and all that is read from it. */
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'

const FULL = `#!/usr/bin/env run-agent
name: reviewer
description: Reviews the last commit.
model: { name: openai/gpt-5.6-luna, effort: low, temperature: 0.5, maxOutput: 4000 }
script: ./scripts/reviewer.script.ts
fallback: script
instructions: |
  Review the last commit.
workspace: ./sub
x-note: anything at all
tools:
  list_files: { read: ["**"] }
  read_file: { read: ["src/**", "README.md"], deny: ["src/vendor/**"], approval: never }
  git_changes: { git: read, read: ["**"] }
  write_file: { write: ["reports/*.md"], limits: { timeout: 500ms, memory: 32MB, calls: 3, requests: 20, result: 2MB, log: 1KB } }
  peek: { from: run-agent/read_file, read: ["docs/**"], x-why: a second name }
  my_tool:
    from: ./tools/my_tool.ts
    description: Mine.
    delete: ["tmp/**"]
    args: { path: { type: string, maxLength: 40 } }
    repeat: keyed
    required: true
budget: { turns: 5, tokens: 1000, usd: 0.25, time: 2m }
require: { walls: [bubblewrap] }
tests:
  - { tool: read_file, permits: read src/a.ts }
  - { tool: read_file, denies: read src/vendor/a.ts }
`

describe('a definition that uses everything', () => {
  it('is read completely', () => {
    expect(parseDefinition({ file: 'a.yaml', text: FULL })).toMatchInlineSnapshot(`
      {
        "budget": {
          "timeMs": 120000,
          "tokens": 1000,
          "turns": 5,
          "usd": 0.25,
        },
        "description": "Reviews the last commit.",
        "fallback": "script",
        "file": "a.yaml",
        "instructions": "Review the last commit.
      ",
        "instructionsFile": undefined,
        "model": {
          "effort": "low",
          "maxOutput": 4000,
          "name": "gpt-5.6-luna",
          "provider": "openai",
          "temperature": 0.5,
        },
        "name": "reviewer",
        "places": {
          "budget": "a.yaml:24:1",
          "description": "a.yaml:3:1",
          "fallback": "a.yaml:6:1",
          "instructions": "a.yaml:7:1",
          "model": "a.yaml:4:1",
          "name": "a.yaml:2:1",
          "require": "a.yaml:25:1",
          "script": "a.yaml:5:1",
          "tests": "a.yaml:26:1",
          "tools": "a.yaml:11:1",
          "workspace": "a.yaml:9:1",
        },
        "require": [
          {
            "place": "a.yaml:25:20",
            "wall": "bubblewrap",
          },
        ],
        "script": "scripts/reviewer.script.ts",
        "settings": [],
        "tests": [
          {
            "expected": "permit",
            "place": "a.yaml:27:5",
            "question": "read src/a.ts",
            "request": {
              "op": "fs.read",
              "path": "src/a.ts",
            },
            "tool": "read_file",
          },
          {
            "expected": "deny",
            "place": "a.yaml:28:5",
            "question": "read src/vendor/a.ts",
            "request": {
              "op": "fs.read",
              "path": "src/vendor/a.ts",
            },
            "tool": "read_file",
          },
        ],
        "tools": [
          {
            "args": [],
            "credentials": [],
            "deny": [],
            "description": undefined,
            "from": {
              "kind": "builtin",
              "tool": "list_files",
            },
            "git": undefined,
            "headers": [],
            "http": [],
            "limits": {
              "calls": undefined,
              "logBytes": 65536,
              "memoryBytes": 67108864,
              "requests": 10000,
              "resultBytes": 1048576,
              "timeoutMs": 30000,
            },
            "name": "list_files",
            "paths": [
              {
                "pattern": "**",
                "place": "a.yaml:12:24",
                "right": "read",
              },
            ],
            "place": "a.yaml:12:3",
            "redirects": [],
            "repeat": "safe",
            "required": undefined,
          },
          {
            "args": [],
            "credentials": [],
            "deny": [
              {
                "pattern": "src/vendor/**",
                "place": "a.yaml:13:54",
              },
            ],
            "description": undefined,
            "from": {
              "kind": "builtin",
              "tool": "read_file",
            },
            "git": undefined,
            "headers": [],
            "http": [],
            "limits": {
              "calls": undefined,
              "logBytes": 65536,
              "memoryBytes": 67108864,
              "requests": 10000,
              "resultBytes": 1048576,
              "timeoutMs": 30000,
            },
            "name": "read_file",
            "paths": [
              {
                "pattern": "src/**",
                "place": "a.yaml:13:23",
                "right": "read",
              },
              {
                "pattern": "README.md",
                "place": "a.yaml:13:33",
                "right": "read",
              },
            ],
            "place": "a.yaml:13:3",
            "redirects": [],
            "repeat": "safe",
            "required": undefined,
          },
          {
            "args": [],
            "credentials": [],
            "deny": [],
            "description": undefined,
            "from": {
              "kind": "builtin",
              "tool": "git_changes",
            },
            "git": {
              "access": "read",
              "place": "a.yaml:14:18",
            },
            "headers": [],
            "http": [],
            "limits": {
              "calls": undefined,
              "logBytes": 65536,
              "memoryBytes": 67108864,
              "requests": 10000,
              "resultBytes": 1048576,
              "timeoutMs": 30000,
            },
            "name": "git_changes",
            "paths": [
              {
                "pattern": "**",
                "place": "a.yaml:14:36",
                "right": "read",
              },
            ],
            "place": "a.yaml:14:3",
            "redirects": [],
            "repeat": "safe",
            "required": undefined,
          },
          {
            "args": [],
            "credentials": [],
            "deny": [],
            "description": undefined,
            "from": {
              "kind": "builtin",
              "tool": "write_file",
            },
            "git": undefined,
            "headers": [],
            "http": [],
            "limits": {
              "calls": 3,
              "logBytes": 1024,
              "memoryBytes": 33554432,
              "requests": 20,
              "resultBytes": 2097152,
              "timeoutMs": 500,
            },
            "name": "write_file",
            "paths": [
              {
                "pattern": "reports/*.md",
                "place": "a.yaml:15:25",
                "right": "write",
              },
            ],
            "place": "a.yaml:15:3",
            "redirects": [],
            "repeat": "ask",
            "required": undefined,
          },
          {
            "args": [],
            "credentials": [],
            "deny": [],
            "description": undefined,
            "from": {
              "kind": "builtin",
              "tool": "read_file",
            },
            "git": undefined,
            "headers": [],
            "http": [],
            "limits": {
              "calls": undefined,
              "logBytes": 65536,
              "memoryBytes": 67108864,
              "requests": 10000,
              "resultBytes": 1048576,
              "timeoutMs": 30000,
            },
            "name": "peek",
            "paths": [
              {
                "pattern": "docs/**",
                "place": "a.yaml:16:45",
                "right": "read",
              },
            ],
            "place": "a.yaml:16:3",
            "redirects": [],
            "repeat": "safe",
            "required": undefined,
          },
          {
            "args": [
              {
                "argument": "path",
                "place": "a.yaml:21:13",
                "schema": {
                  "maxLength": 40,
                  "type": "string",
                },
              },
            ],
            "credentials": [],
            "deny": [],
            "description": "Mine.",
            "from": {
              "kind": "file",
              "path": "tools/my_tool.ts",
            },
            "git": undefined,
            "headers": [],
            "http": [],
            "limits": {
              "calls": undefined,
              "logBytes": 65536,
              "memoryBytes": 67108864,
              "requests": 10000,
              "resultBytes": 1048576,
              "timeoutMs": 30000,
            },
            "name": "my_tool",
            "paths": [
              {
                "pattern": "tmp/**",
                "place": "a.yaml:20:14",
                "right": "delete",
              },
            ],
            "place": "a.yaml:17:3",
            "redirects": [],
            "repeat": "keyed",
            "required": "a.yaml:23:5",
          },
        ],
        "workspace": "sub",
      }
    `)
  })

  it('is frozen through and through', () => {
    const definition = parseDefinition({ file: 'a.yaml', text: FULL })
    expect(Object.isFrozen(definition)).toBe(true)
    expect(Object.isFrozen(definition.tools[0]?.paths[0])).toBe(true)
  })
})
