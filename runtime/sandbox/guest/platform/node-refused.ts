/** What a tool asks of a builtin that it cannot have: an error that says why, and what to use instead. */

export interface Refusal extends Error {
  readonly code: 'ERR_SANDBOX'
}

export function refusal(what: string, reason: string): Refusal {
  return Object.assign(new Error(`${what} is not available in the sandbox: ${reason}`), {
    code: 'ERR_SANDBOX' as const,
  })
}

/** A function that throws when it is called, so that a package which never calls it can be used. */
export function refused(what: string, reason: string): () => never {
  return () => {
    throw refusal(what, reason)
  }
}

/** The same for each of these members of one module. */
export function refusedMembers(module: string, names: string, reason: string): Readonly<Record<string, () => never>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, refused(`${module}.${name}`, reason)]))
}

/** Node's TypeError for an argument of the wrong type (its code is what programs look at). */
export function wrongType(name: string, expected: string, actual: unknown): TypeError {
  const received = actual === null ? 'null' : typeof actual
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}. Received ${received}`), {
    code: 'ERR_INVALID_ARG_TYPE',
  })
}
