/**
 * The seccomp filter of the outer wall: a classic BPF program (seccomp(2), linux/filter.h) for bubblewrap's
 * `--seccomp`. It is a list of refusals: no new process, no socket of any kind, nothing that looks into other
 * processes or reaches rarely used parts of the kernel. What it refuses answers EPERM; clone3 and io_uring answer
 * ENOSYS, so that libraries fall back to what the filter can judge.
 */

interface Numbers {
  /** AUDIT_ARCH_* of linux/audit.h. */
  readonly arch: number
  readonly clone: number
  readonly unsupported: readonly number[]
  readonly refused: readonly number[]
}

/** io_uring_setup, _enter, _register, clone3: the same everywhere. */
const UNSUPPORTED = [425, 426, 427, 435]
/** pidfd_open, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_getfd, process_madvise, mount_setattr. */
const REFUSED_EVERYWHERE = [434, 428, 429, 430, 431, 432, 433, 438, 440, 442]

const NUMBERS: ReadonlyMap<string, Numbers> = new Map(
  Object.entries({
    x64: {
      arch: 0xc000003e,
      clone: 56,
      unsupported: UNSUPPORTED,
      refused: [
        ...REFUSED_EVERYWHERE,
        // socket, connect, accept, bind, listen, socketpair, accept4
        41,
        42,
        43,
        49,
        50,
        53,
        288,
        // fork, vfork, ptrace, process_vm_readv, process_vm_writev, kcmp
        57,
        58,
        101,
        310,
        311,
        312,
        // mount, umount2, pivot_root, chroot, swapon, swapoff, reboot, unshare, setns
        165,
        166,
        155,
        161,
        167,
        168,
        169,
        272,
        308,
        // add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd, kexec_load, kexec_file_load
        248,
        249,
        250,
        321,
        298,
        323,
        246,
        320,
        // init_module, delete_module, finit_module, name_to_handle_at, open_by_handle_at, personality, acct, quotactl
        175,
        176,
        313,
        303,
        304,
        135,
        163,
        179,
      ],
    },
    arm64: {
      arch: 0xc00000b7,
      clone: 220,
      unsupported: UNSUPPORTED,
      refused: [
        ...REFUSED_EVERYWHERE,
        198,
        203,
        202,
        200,
        201,
        199,
        242,
        117,
        270,
        271,
        272,
        40,
        39,
        41,
        51,
        224,
        225,
        142,
        97,
        268,
        217,
        218,
        219,
        280,
        241,
        282,
        104,
        294,
        105,
        106,
        273,
        264,
        265,
        92,
        89,
        60,
      ],
    },
  }),
)

const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER_OR_EQUAL = 0x35
const JUMP_SET = 0x45
const RETURN = 0x06
const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const OFFSET_NUMBER = 0
const OFFSET_ARCH = 4
const OFFSET_FIRST_ARGUMENT = 16
/** The second table of system calls on x64 (x32); reachable only to evade a filter. */
const X32_BIT = 0x40000000
const CLONE_THREAD = 0x00010000

/** The program for an architecture as Node names it; undefined where there is none. */
export function seccompProgram(architecture: string): Uint8Array | undefined {
  const numbers = NUMBERS.get(architecture)
  if (numbers === undefined) return undefined
  const code: [operation: number, ifTrue: number, ifFalse: number, value: number][] = [
    [LOAD, 0, 0, OFFSET_ARCH],
    [JUMP_EQUAL, 1, 0, numbers.arch],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, OFFSET_NUMBER],
    [JUMP_GREATER_OR_EQUAL, 0, 1, X32_BIT],
    [RETURN, 0, 0, EPERM],
  ]
  for (const number of numbers.unsupported) code.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, ENOSYS])
  for (const number of numbers.refused) code.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, EPERM])
  // clone may make threads and nothing else.
  code.push(
    [JUMP_EQUAL, 0, 3, numbers.clone],
    [LOAD, 0, 0, OFFSET_FIRST_ARGUMENT],
    [JUMP_SET, 1, 0, CLONE_THREAD],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ALLOW],
  )
  const program = new DataView(new ArrayBuffer(code.length * 8))
  code.forEach(([operation, ifTrue, ifFalse, value], index) => {
    program.setUint16(index * 8, operation, true)
    program.setUint8(index * 8 + 2, ifTrue)
    program.setUint8(index * 8 + 3, ifFalse)
    program.setUint32(index * 8 + 4, value, true)
  })
  return new Uint8Array(program.buffer)
}
