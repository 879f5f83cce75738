/** Math.random from a recorded seed (sfc32, Doty-Humphrey's PractRand), so that a replay draws the same numbers. */
export function installRandom(seed: string): void {
  let a = Number.parseInt(seed.slice(0, 8), 16) | 0
  let b = Number.parseInt(seed.slice(8, 16), 16) | 0
  let c = Number.parseInt(seed.slice(16, 24), 16) | 0
  let counter = Number.parseInt(seed.slice(24, 32), 16) | 0
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 12; round += 1) next()
  Object.defineProperty(Math, 'random', {
    value: () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53,
    writable: false,
    enumerable: false,
    configurable: false,
  })
}
