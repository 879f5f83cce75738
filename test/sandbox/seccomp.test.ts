/** Interprets the program as the kernel would (linux/filter.h), so that every jump is taken once. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { seccompProgram } from '../../runtime/sandbox/seccomp.ts'

const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const X32_BIT = 0x40000000
const CLONE_THREAD = 0x00010000
const SYSTEM_CALLS = 1000
const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const HEADERS = {
  x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
  arm64: '/usr/include/asm-generic/unistd.h',
} as const
type Architecture = keyof typeof ARCHITECTURES

const REFUSED =
  'socket connect accept bind listen socketpair accept4 ptrace process_vm_readv process_vm_writev kcmp mount umount2 ' +
  'pivot_root chroot swapon swapoff reboot unshare setns add_key request_key keyctl bpf perf_event_open userfaultfd ' +
  'kexec_load kexec_file_load init_module delete_module finit_module name_to_handle_at open_by_handle_at personality ' +
  'acct quotactl pidfd_open open_tree move_mount fsopen fsconfig fsmount fspick pidfd_getfd process_madvise mount_setattr'
const ONLY_X64 = 'fork vfork'
const UNSUPPORTED = 'io_uring_setup io_uring_enter io_uring_register clone3'

interface Data {
  readonly number: number
  readonly arch: number
  readonly firstArgument?: bigint
}

/** The word at an offset of struct seccomp_data, little-endian as both architectures are. */
function wordAt(offset: number, { number, arch, firstArgument = 0n }: Data): number {
  if (offset === 0) return number
  if (offset === 4) return arch
  if (offset === 16) return Number(firstArgument & 0xffffffffn)
  throw new Error(`a load from offset ${offset}`)
}

function judge(program: Uint8Array, data: Data): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  let accumulator = 0
  for (let at = 0; ; at += 1) {
    expect(at * 8).toBeLessThan(program.byteLength)
    const value = view.getUint32(at * 8 + 4, true)
    const jump = (isTrue: boolean): number => view.getUint8(at * 8 + (isTrue ? 2 : 3))
    const operation = view.getUint16(at * 8, true)
    if (operation === 0x20) accumulator = wordAt(value, data)
    else if (operation === 0x06) return value
    else if (operation === 0x15) at += jump(accumulator === value)
    else if (operation === 0x35) at += jump(accumulator >= value)
    else if (operation === 0x45) at += jump((BigInt(accumulator) & BigInt(value)) !== 0n)
    else throw new Error(`operation ${operation}`)
  }
}

/** `#define __NR_socket 41`, also `__NR3264_…` of the generic table. */
function numbersOf(header: string): ReadonlyMap<string, number> {
  const text = readFileSync(header, 'utf8')
  return new Map(
    [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)].map((match) => [match[1] ?? '', Number(match[2])]),
  )
}

describe.each(Object.keys(ARCHITECTURES) as Architecture[])('%s', (name) => {
  const arch = ARCHITECTURES[name]
  const program = seccompProgram(name) ?? new Uint8Array()
  const verdict = (number: number, firstArgument = 0n): number => judge(program, { number, arch, firstArgument })

  test('is a program that the kernel takes', () => {
    expect(program.byteLength % 8).toBe(0)
    expect(program.byteLength / 8).toBeGreaterThan(50)
    expect(program.byteLength / 8).toBeLessThan(4096)
  })

  test('kills on every other architecture', () => {
    for (const other of [...Object.values(ARCHITECTURES), 0x40000003, 0x40000028, 0].filter((one) => one !== arch)) {
      expect(judge(program, { number: 0, arch: other })).toBe(KILL_PROCESS)
    }
  })

  test('refuses the second table of x64 whatever the call', () => {
    for (let number = 0; number < SYSTEM_CALLS; number += 1) expect(verdict(X32_BIT + number)).toBe(EPERM)
    expect(verdict(0xffffffff)).toBe(EPERM)
  })

  test.skipIf(!existsSync(HEADERS[name]))('refuses what it means to, by the numbers of the kernel’s headers', () => {
    const numbers = numbersOf(HEADERS[name])
    const numberOf = (call: string): number => numbers.get(call) ?? expect.fail(`the header has no ${call}`)
    const names = `${REFUSED} ${name === 'x64' ? ONLY_X64 : ''}`.trim().split(' ')
    const refused = new Set(names.map(numberOf))
    const unsupported = new Set(UNSUPPORTED.split(' ').map(numberOf))
    const clone = numberOf('clone')
    for (let number = 0; number < SYSTEM_CALLS; number += 1) {
      if (number === clone) continue
      const expected = unsupported.has(number) ? ENOSYS : refused.has(number) ? EPERM : ALLOW
      expect([number, verdict(number)]).toEqual([number, expected])
    }
    for (const needed of ['read', 'write', 'mmap', 'futex', 'execve', 'exit_group', 'sendto', 'recvmsg']) {
      expect(verdict(numberOf(needed))).toBe(ALLOW)
    }
    expect(verdict(clone)).toBe(EPERM)
    expect(verdict(clone, 0x11n)).toBe(EPERM)
    expect(verdict(clone, 0x3d0f00n)).toBe(ALLOW)
    expect(verdict(clone, BigInt(CLONE_THREAD))).toBe(ALLOW)
    // Only the low half of the flags counts; the flag cannot be feigned in the high one.
    expect(verdict(clone, BigInt(CLONE_THREAD) << 32n)).toBe(EPERM)
  })
})

test('there is none for an architecture whose numbers are not known', () => {
  expect(['ia32', 'riscv64', 'constructor', ''].map((name) => seccompProgram(name))).toEqual(Array(4).fill(undefined))
})
