/**
 * Types of what the world offers. Everything but node-ports.ts receives these as arguments; nothing reaches for
 * the world by itself.
 */

/** Milliseconds since the Unix epoch. */
export interface Clock {
  now(): number
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void
}

export type FileType = 'file' | 'directory' | 'link' | 'other'

export interface FileStat {
  readonly type: FileType
  readonly sizeBytes: number
  /** Milliseconds since the Unix epoch, whole. */
  readonly modifiedMs: number
  /** Permission bits, e.g. 0o644. */
  readonly mode: number
  readonly device: bigint
  readonly inode: bigint
  readonly links: number
  readonly uid: number
}

/** An open file or directory; held, so that what it names cannot be swapped. */
export interface FileHandle {
  readonly fd: number
  /** The path it was opened by; only for platforms without /proc/self/fd, and for messages. */
  readonly path: string
}

/**
 * Files, one component at a time. Each method that takes `(directory, name)` acts on the entry `name` of the held
 * directory and never follows a link; `name` holds no `/` and is not `.` or `..`. Errors carry Node's `code`
 * (`ENOENT`, `ENOTDIR`, `ELOOP`, `EEXIST` …).
 *
 * On Linux a held directory is addressed as /proc/self/fd/N, so no rename or link swap can redirect it. Elsewhere
 * the weaker fallback joins paths and compares device and inode after opening.
 */
export interface FileHost {
  /** Opens the directory at an absolute path, following links: the operator named it. */
  openRoot(absolutePath: string): FileHandle
  /** ENOTDIR or ELOOP if the entry is a link. */
  openDirectory(directory: FileHandle, name: string): FileHandle
  /** Opens a regular file for reading; ELOOP if it is a link, EISDIR, or E_SPECIAL_FILE, never having opened it. */
  openForRead(directory: FileHandle, name: string): FileHandle
  /** Creates a file that must not exist yet, for writing. */
  createForWrite(directory: FileHandle, name: string, mode: number): FileHandle
  stat(handle: FileHandle): FileStat
  /** Of the entry itself, a link included. */
  statEntry(directory: FileHandle, name: string): FileStat
  readLink(directory: FileHandle, name: string): string
  /** Stops one entry behind LIST_ENTRIES_MAX, so that the caller sees that there are more. */
  list(directory: FileHandle): readonly { readonly name: string; readonly type: FileType }[]
  /** Fewer bytes than `length` only at the end of the file. */
  read(handle: FileHandle, position: number, length: number): Uint8Array
  write(handle: FileHandle, data: Uint8Array): void
  sync(handle: FileHandle): void
  /** Sets the permission bits of an open file, whatever the umask. */
  setMode(handle: FileHandle, mode: number): void
  makeDirectory(directory: FileHandle, name: string, mode: number): void
  removeFile(directory: FileHandle, name: string): void
  removeDirectory(directory: FileHandle, name: string): void
  rename(fromDirectory: FileHandle, fromName: string, toDirectory: FileHandle, toName: string): void
  close(handle: FileHandle): void
  /** The absolute path of the entry with every link followed; for messages and the operator's own paths only. */
  realPath(absolutePath: string): string
}

export interface HttpHostRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly signal: AbortSignal
  readonly connectTimeoutMs: number
  /** From the first byte sent to the last header. */
  readonly headersTimeoutMs: number
  /** From the last header to the last byte of the body, however steadily it drips. */
  readonly bodyTimeoutMs: number
  /** The most the body may hold, before and after decompression. */
  readonly maxBytes: number
}

export interface HttpHostResponse {
  readonly status: number
  /** Names in lower case; values of a repeated header joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Decompressed. */
  readonly body: Uint8Array
}

/**
 * One HTTP exchange, whole. Redirects are answers like any other and never followed; proxy variables are ignored;
 * no cookie or cache outlives the exchange. Rejects with the signal's reason when aborted, and else with an error
 * whose `code` is Node's or undici's, or one of `HTTP_HEADERS_TIMEOUT`, `HTTP_BODY_TIMEOUT`, `HTTP_BODY_TOO_LARGE`
 * and `HTTP_ENCODING`.
 */
export interface HttpHost {
  request(request: HttpHostRequest): Promise<HttpHostResponse>
}

/** The network as tools reach it: each step by itself, because each is decided. */
export interface WebHost {
  /**
   * Every address of the host (a name, or an address as it stands in a URL, without brackets), in the resolver's order;
   * empty: it has none. Rejects with Node's code where nobody could be asked, or with the signal's reason.
   */
  resolve(host: string, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Sends one request, once, and waits for the headers of its answer. Redirects are answers like any other; proxy
   * variables are ignored; no cookie or cache outlives the exchange. Rejects with the signal's reason, and else with an
   * error whose `code` is Node's or undici's, or one of
   * `HTTP_REQUEST` (something cannot be sent as it is given; nobody was dialled), `HTTP_ADDRESS` (none that is admitted
   * was reached), `HTTP_CONNECT_TIMEOUT`, `HTTP_HEADERS_TIMEOUT`, `HTTP_HEADERS` (too many), `HTTP_FRAMING` (far more
   * bytes than content), `HTTP_MALFORMED`, `HTTP_ENCODING`, `HTTP_CLOSED` (the host was) and `HTTP_FAILED`.
   * Its message names nothing of this machine.
   */
  open(request: HttpOpenRequest): Promise<HttpExchange>
}

export interface HttpOpenRequest {
  readonly method: string
  /** Canonical (policy/http-url.ts): what was decided is what is dialled. */
  readonly url: string
  /**
   * Names in lower case, each once; none that belongs to the connection. `accept-encoding` is replaced. Sent besides:
   * `host`, `connection`, `content-length`, and `user-agent: run-agent` where there is none.
   */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array | undefined
  /** Those that were admitted: one of these is dialled, and the socket's remote address is compared again. */
  readonly addresses: readonly string[]
  /** PEM of the authorities that the operator names for the host; undefined: those of Node. */
  readonly authorities: string | undefined
  /** Exchanges of one pool may share a connection, one after another; those of two never do. */
  readonly pool: string
  /** Also ends the body. */
  readonly signal: AbortSignal
  readonly connectTimeoutMs: number
  /** From the first byte sent to the last header. */
  readonly headersTimeoutMs: number
  /** The longest silence of the body while somebody reads. */
  readonly idleTimeoutMs: number
  /** The most the body may hold, before and after decompression. */
  readonly maxBytes: number
  /** How many times its own size a compressed body may become, once it is larger than a megabyte. */
  readonly maxRatio: number
}

export interface HttpExchange {
  readonly status: number
  /** Printable ASCII. */
  readonly statusText: string
  /** As they came, names in lower case, `content-encoding` and `content-length` left out where it was decompressed. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The one of `addresses` that was dialled. */
  readonly address: string
  /**
   * Waits for the next bytes of the body, decompressed, at most `lengthMax` of them; undefined at its end. Rejects as
   * `open`, and with `HTTP_IDLE_TIMEOUT`, `HTTP_BODY_TOO_LARGE` or `HTTP_BODY_RATIO`; what came before is read first.
   */
  read(lengthMax: number): Promise<Uint8Array | undefined>
  /** Ends it at once; a connection whose body was not read to its end is closed. Reads reject with `HTTP_CLOSED`. */
  close(): void
}

/** A sandbox process as the host sees it. */
export interface SandboxChild {
  /** Returns how many bytes the process has not taken yet. */
  write(chunk: Uint8Array): number
  onData(listener: (chunk: Buffer) => void): void
  /** Called once; `how` says it in words, e.g. `signal SIGKILL`. */
  onExit(listener: (how: string) => void): void
  kill(): void
  /** Resident memory of the innermost process; undefined where it cannot be read. */
  residentBytes(): number | undefined
}

export interface ProcessHost {
  /** The Node that runs us, by its real path. */
  readonly nodePath: string
  readonly nodeMajor: number
  readonly platform: string
  readonly architecture: string
  /** The shared objects that Node itself was loaded with, as the dynamic loader names them. */
  sharedObjects(): readonly string[]
  /** True for a regular file that only root can write, in folders that only root can write. */
  isOwnedByRoot(path: string): boolean
  /** Starts a process with an empty environment and one pipe at fd 3; behind a wall, more of them (see walls.ts). */
  spawnSandbox(command: {
    readonly file: string
    readonly args: readonly string[]
    /** Given for a wall: fd 4 is its info pipe, fd 5 brings this seccomp program. */
    readonly seccomp?: Uint8Array
  }): SandboxChild
}
