// Walks everything that a guest can reach, by properties, accessors and prototypes, and tells what is not its own.
// Plain text for an isolate: `walk(roots)` returns lines, one for each thing that should not be there.
// oxlint-disable-next-line no-unused-vars
function walk(roots) {
  const ownObject = Object.prototype
  const ownFunction = Function.prototype
  const seen = new Set()
  const found = []
  const queue = []
  const foreign = /^(Reference|Callback|ExternalCopy|Isolate|Context|Script|Module|NativeModule|Inspector)$/
  const path = /(^|["'( ])\/(tmp|home|root|work|usr|proc|sandbox)\b|node:internal|node_modules|\.mjs|process\.ts/
  const looked = (text, at) => {
    if (path.test(text)) found.push(`${at}: a path: ${text.slice(0, 80)}`)
  }
  const add = (value, at) => {
    if (typeof value === 'string') looked(value, at)
    else if ((typeof value === 'object' && value !== null) || typeof value === 'function') queue.push([value, at])
  }
  roots.forEach((root, index) => add(root, `root${index}`))
  const rootOf = (value) => {
    let at = value
    for (let depth = 0; depth < 100; depth++) {
      const above = Object.getPrototypeOf(at)
      if (above === null) return at
      at = above
    }
    return undefined
  }
  while (queue.length > 0) {
    const [value, at] = queue.pop()
    if (seen.has(value) || value === seen || value === queue || value === found) continue
    seen.add(value)
    // A name that says what it is, an ancestor of another realm, a function of another realm.
    let name = ''
    try {
      name = String(value.constructor?.name ?? '')
    } catch {}
    if (foreign.test(name) || foreign.test(Object.prototype.toString.call(value).slice(8, -1)))
      found.push(`${at}: a ${name}`)
    const root = rootOf(value)
    if (root !== ownObject && root !== value) found.push(`${at}: another realm's`)
    if (root === value && value !== ownObject && typeof value === 'function')
      found.push(`${at}: a function of no realm`)
    if (typeof value === 'function') {
      if (value !== ownFunction && !Object.prototype.isPrototypeOf.call(ownFunction, value))
        found.push(`${at}: another realm's function`)
      try {
        looked(Function.prototype.toString.call(value), `${at} as text`)
      } catch {}
      for (const name of ['arguments', 'caller']) {
        try {
          add(value[name], `${at}.${name}`)
        } catch {}
      }
    }
    for (const key of Reflect.ownKeys(value)) {
      const where = `${at}.${String(key)}`
      let descriptor
      try {
        descriptor = Reflect.getOwnPropertyDescriptor(value, key)
      } catch {}
      if (descriptor === undefined) continue
      add(descriptor.value, where)
      add(descriptor.get, `${where} (get)`)
      add(descriptor.set, `${where} (set)`)
      if (descriptor.get === undefined) continue
      try {
        add(value[key], where)
      } catch (error) {
        add(error, `${where} (thrown)`)
      }
    }
    add(Reflect.getPrototypeOf(value), `${at}.__proto__`)
  }
  return { found, seen: seen.size }
}
