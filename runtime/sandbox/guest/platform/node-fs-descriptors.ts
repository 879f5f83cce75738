/** Numbers for the open files of node:fs, from 3 on: the first three are a process's own, and a tool has none. */
import promises, { type FileHandle } from 'node:fs/promises'

export class FdTable {
  readonly #handles = new Map<unknown, FileHandle>()
  #next = 3

  async open(path: unknown, flags: unknown = 'r'): Promise<number> {
    const handle = await promises.open(path as string, flags as string)
    const fd = this.#next++
    this.#handles.set(fd, handle)
    return fd
  }

  of(fd: unknown): FileHandle {
    const handle = this.#handles.get(fd)
    if (handle !== undefined) return handle
    throw Object.assign(new Error('EBADF: bad file descriptor'), { code: 'EBADF' })
  }

  async close(fd: unknown): Promise<void> {
    await this.of(fd).close()
    this.#handles.delete(fd)
  }

  async read(fd: unknown, args: readonly unknown[]): Promise<unknown> {
    return await Reflect.apply(this.of(fd).read, this.of(fd), args)
  }

  async write(fd: unknown, args: readonly unknown[]): Promise<unknown> {
    return await Reflect.apply(this.of(fd).write, this.of(fd), args)
  }
}
