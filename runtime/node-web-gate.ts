/**
 * Between a socket and undici. It holds bytes back where they are not read, because undici's own pause does not: its
 * parser ends the process with an assertion when a connection that it paused is closed, and takes the reset of a
 * connection for the end of a body. It also counts, because nothing else tells of bytes that frame a body.
 */

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { plainFailure, webFailure } from './node-web-failure.ts'

export class Gate extends Duplex {
  readonly #socket: Socket
  #isHeld = false
  #failure: Error | undefined
  /** All that came. */
  bytesReceived = 0
  /** Called after each piece that came was handed on. */
  onReceived: () => void = () => undefined

  constructor(socket: Socket) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    let isEnded = false
    socket.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.byteLength
      if (!this.push(chunk) || this.#isHeld) socket.pause()
      this.onReceived()
    })
    socket.once('end', () => {
      isEnded = true
      this.push(null)
    })
    socket.once('error', (cause: Error) => this.#fail(plainFailure(cause)))
    socket.once('close', () => {
      if (!isEnded) this.#fail(webFailure('ECONNRESET', 'the connection was reset'))
    })
    socket.pause()
  }

  /** What the connection ended with, where it did not end as it should. */
  get failure(): Error | undefined {
    return this.#failure
  }

  hold(): void {
    this.#isHeld = true
    this.#socket.pause()
  }

  release(): void {
    this.#isHeld = false
    this.#socket.resume()
  }

  /** Bytes that the other side has not taken yet. */
  get bytesUnsent(): number {
    return this.writableLength + this.#socket.writableLength
  }

  ref(): this {
    this.#socket.ref()
    return this
  }

  unref(): this {
    this.#socket.unref()
    return this
  }

  override _read(): void {
    if (!this.#isHeld) this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(cause: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(cause)
  }

  /** Under a code that means nothing to undici. */
  #fail(cause: Error): void {
    this.#failure ??= cause
    this.destroy(webFailure('HTTP_WIRE', 'the connection failed'))
  }
}
