/** The same code in this process, with nothing around it. */
import { hostRecord, waited } from './host.ts'
import type { System } from './system.ts'

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as FunctionConstructor

export function plainNode(): System {
  return {
    name: 'plain Node',
    async call({ body, inputJson = 'null' }) {
      const play: unknown = new AsyncFunction('input', 'host', 'wait', body)
      if (typeof play !== 'function') throw new TypeError('a body is the body of a function')
      return await Reflect.apply(play, undefined, [JSON.parse(inputJson), hostRecord, waited])
    },
    close: async () => {},
  }
}
