/**
 * Takes from the process what Node's permission model leaves to it: signals reach every process of the same user,
 * the host among them. Called once the addon is loaded; behind bubblewrap nobody is in reach anyway.
 */
export function disarm(): void {
  for (const name of ['kill', '_kill', '_debugProcess', 'dlopen', 'binding', '_linkedBinding', 'abort']) {
    Reflect.deleteProperty(process, name)
  }
}
