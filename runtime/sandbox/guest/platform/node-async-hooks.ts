/**
 * node:async_hooks, as far as JavaScript alone can have it, and node:diagnostics_channel.
 *
 * Which store belongs to code behind an `await` only the engine knows, and it does not tell a guest. A store that is
 * right before the first `await` and wrong after it would mix up what it was meant to keep apart, so there is none.
 */
import { refused, refusedMembers, wrongType } from './node-refused.ts'

type AnyFunction = (...args: unknown[]) => unknown

const REASON = 'it cannot follow an await; hand the value on as an argument'

class AsyncLocalStorage {
  readonly run = refused('AsyncLocalStorage.run', REASON)
  readonly enterWith = refused('AsyncLocalStorage.enterWith', REASON)
  readonly #default: unknown
  readonly name: string

  constructor({ defaultValue, name = '' }: { readonly defaultValue?: unknown; readonly name?: string } = {}) {
    this.#default = defaultValue
    this.name = name
  }

  static bind = (act: AnyFunction): AnyFunction => act
  static snapshot =
    (): AnyFunction =>
    (act, ...args) =>
      Reflect.apply(act as AnyFunction, undefined, args)

  getStore(): unknown {
    return this.#default
  }

  /** No store is ever entered, so outside of all of them is where one is. */
  exit(act: AnyFunction, ...args: unknown[]): unknown {
    return act(...args)
  }

  disable(): void {
    // There is nothing to leave.
  }
}

class AsyncResource {
  readonly type: string

  constructor(type: string) {
    if (typeof type !== 'string') throw wrongType('type', 'of type string', type)
    this.type = type
  }

  static bind = (act: AnyFunction, _type?: string, self?: unknown): AnyFunction =>
    self === undefined ? act : (...args) => Reflect.apply(act, self, args)

  runInAsyncScope(act: AnyFunction, self?: unknown, ...args: unknown[]): unknown {
    return Reflect.apply(act, self, args)
  }

  bind(act: AnyFunction, self?: unknown): AnyFunction {
    return AsyncResource.bind(act, undefined, self)
  }

  emitDestroy(): this {
    return this
  }

  asyncId(): number {
    return 1
  }

  triggerAsyncId(): number {
    return 0
  }
}

export const asyncHooks = {
  AsyncLocalStorage,
  AsyncResource,
  executionAsyncId: () => 1,
  triggerAsyncId: () => 0,
  executionAsyncResource: () => ({}),
  ...refusedMembers('async_hooks', 'createHook', 'the engine does not tell a guest of its promises'),
}

type Subscriber = (message: unknown, name: string | symbol) => void

class Channel {
  readonly name: string | symbol
  #subscribers: readonly Subscriber[] = []

  constructor(name: string | symbol) {
    this.name = name
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0
  }

  subscribe(subscriber: Subscriber): void {
    if (typeof subscriber !== 'function') throw wrongType('subscription', 'of type function', subscriber)
    this.#subscribers = [...this.#subscribers, subscriber]
  }

  unsubscribe(subscriber: Subscriber): boolean {
    const index = this.#subscribers.indexOf(subscriber)
    if (index === -1) return false
    this.#subscribers = this.#subscribers.toSpliced(index, 1)
    return true
  }

  publish(message: unknown): void {
    for (const subscriber of this.#subscribers) subscriber(message, this.name)
  }

  runStores(message: unknown, act: AnyFunction, self?: unknown, ...args: unknown[]): unknown {
    this.publish(message)
    return Reflect.apply(act, self, args)
  }

  readonly bindStore = refused('Channel.bindStore', REASON)
  readonly unbindStore = (): boolean => false
}

const channels = new Map<string | symbol, Channel>()

function channel(name: string | symbol): Channel {
  const known = channels.get(name)
  if (known !== undefined) return known
  if (typeof name !== 'string' && typeof name !== 'symbol') throw wrongType('channel', 'of type string or symbol', name)
  const made = new Channel(name)
  channels.set(name, made)
  return made
}

const PHASES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** The five channels of one traced action (Node's TracingChannel). */
function tracingChannel(name: string | Readonly<Record<string, Channel>>): object {
  const of = (phase: string): Channel =>
    typeof name === 'string' ? channel(`tracing:${name}:${phase}`) : (name[phase] ?? channel(phase))
  const [start, end, asyncStart, asyncEnd, error] = PHASES.map(of) as [Channel, Channel, Channel, Channel, Channel]
  const each = { start, end, asyncStart, asyncEnd, error }
  const traced = (act: AnyFunction, message: object, self: unknown, args: readonly unknown[]): unknown => {
    start.publish(message)
    try {
      const result = Reflect.apply(act, self, args)
      Object.assign(message, { result })
      return result
    } catch (thrown) {
      Object.assign(message, { error: thrown })
      error.publish(message)
      throw thrown
    } finally {
      end.publish(message)
    }
  }
  const tracePromise = async (
    act: AnyFunction,
    message: object,
    self: unknown,
    args: readonly unknown[],
  ): Promise<unknown> => {
    const running = traced(act, message, self, args)
    try {
      const result = await running
      Object.assign(message, { result })
      return result
    } catch (thrown) {
      Object.assign(message, { error: thrown })
      error.publish(message)
      throw thrown
    } finally {
      asyncStart.publish(message)
      asyncEnd.publish(message)
    }
  }
  return {
    ...each,
    get hasSubscribers() {
      return Object.values(each).some((one) => one.hasSubscribers)
    },
    subscribe: (subscribers: Readonly<Record<string, Subscriber>>) => {
      for (const [phase, one] of Object.entries(each)) if (subscribers[phase]) one.subscribe(subscribers[phase])
    },
    unsubscribe: (subscribers: Readonly<Record<string, Subscriber>>) =>
      Object.entries(each)
        .map(([phase, one]) => (subscribers[phase] ? one.unsubscribe(subscribers[phase]) : true))
        .every(Boolean),
    traceSync: (act: AnyFunction, message: object = {}, self?: unknown, ...args: unknown[]) =>
      traced(act, message, self, args),
    tracePromise: (act: AnyFunction, message: object = {}, self?: unknown, ...args: unknown[]) =>
      tracePromise(act, message, self, args),
    ...refusedMembers('TracingChannel', 'traceCallback', 'trace the promise instead'),
  }
}

export const diagnosticsChannel = {
  channel,
  tracingChannel,
  hasSubscribers: (name: string | symbol) => channels.get(name)?.hasSubscribers ?? false,
  subscribe: (name: string | symbol, subscriber: Subscriber) => channel(name).subscribe(subscriber),
  unsubscribe: (name: string | symbol, subscriber: Subscriber) => channel(name).unsubscribe(subscriber),
  Channel,
}
