import { camelCase, chunk, cloneDeep, debounce, groupBy, isEqual, merge, orderBy, template, uniqBy } from 'lodash-es'
import { defineTool, z } from 'run-agent'

interface Person {
  readonly name: string
  readonly age: number
  readonly at: Date
}

export default defineTool({
  description: 'Sorts and groups.',
  parameters: z.object({}),
  async execute() {
    const people: readonly Person[] = [
      { name: 'Ada', age: 36, at: new Date(0) },
      { name: 'Grace', age: 85, at: new Date(1) },
      { name: 'Alan', age: 41, at: new Date(0) },
    ]
    const late = await new Promise((resolve) => {
      const call = debounce(resolve, 5)
      call('first')
      call('second')
    })
    return {
      groups: groupBy(people, ({ name }: Person) => name[0]),
      order: orderBy(people, ['age'], ['desc']).map(({ name }: Person) => name),
      merged: merge({ a: { b: [1, 2] } }, { a: { b: [3], c: 4 } }),
      clone: isEqual(cloneDeep(people), people) && cloneDeep(new Map([[1, people]])).get(1) !== people,
      unique: uniqBy(people, ({ at }: Person) => at.getTime()).length,
      chunks: chunk([1, 2, 3, 4, 5], 2),
      name: camelCase('Foo bar-baz'),
      text: template('hello <%= user %>! <% users.forEach((u) => { %><li><%- u %></li><% }) %>')({
        user: 'you',
        users: ['<a>', 'b'],
      }),
      late,
    }
  },
})
