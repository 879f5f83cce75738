const SIGKILL = 9

/**
 * Takes from the process what Node's permission model leaves to it: signals reach every process of the same user,
 * the host among them. What it returns ends the process at once: exit() would wait for the threads of isolates, and
 * a guest may keep one of those busy for ever. Called once the addon is loaded; behind bubblewrap nobody is in reach anyway.
 */
export function disarm(): () => void {
  const { pid } = process
  const kill: unknown = Reflect.get(process, '_kill')
  const abort = process.abort.bind(process)
  for (const name of ['kill', '_kill', '_debugProcess', 'dlopen', 'binding', '_linkedBinding', 'abort']) {
    Reflect.deleteProperty(process, name)
  }
  return () => {
    if (typeof kill === 'function') Reflect.apply(kill, process, [pid, SIGKILL])
    // The first process of a namespace is deaf to its own signals.
    abort()
  }
}
