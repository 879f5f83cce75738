/** `tests`: what the definition says of its own rights, for `check` to ask. */
import { RIGHTS_TESTS_MAX } from '../limits.ts'
import type { RightsTest } from './definition.ts'
import { TEST_KEYS } from './keys.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'
import { parseQuestion } from './question.ts'
import type { Settings } from './settings.ts'
import { didYouMean } from './suggest.ts'

export function readTests(
  reader: NodeReader,
  field: Field,
  settings: Settings,
  toolNames: readonly string[],
): readonly RightsTest[] {
  const items = reader.items(field) ?? []
  const surplus = items[RIGHTS_TESTS_MAX]
  if (surplus === undefined) return items.flatMap((item) => readTest(reader, item, settings, toolNames))
  reader.problems.add(surplus.at, `a definition has at most ${RIGHTS_TESTS_MAX} tests`)
  return []
}

function readTest(
  reader: NodeReader,
  item: Field,
  settings: Settings,
  toolNames: readonly string[],
): readonly RightsTest[] {
  const { problems } = reader
  const fields = reader.section(item, TEST_KEYS, 'a test')
  if (fields === undefined) return []
  const [toolField, permits, denies] = TEST_KEYS.supported.map((key) => fields.get(key))
  const asked = permits ?? denies
  if (toolField === undefined || asked === undefined || (permits !== undefined && denies !== undefined)) {
    problems.add(item.at, 'a test must have `tool` and exactly one of `permits` and `denies`')
    return []
  }
  const tool = reader.text(toolField)
  if (tool !== undefined && !toolNames.includes(tool)) {
    problems.add(toolField.valueAt, `the agent has no tool ${quoted(tool)}`, didYouMean(tool, toolNames))
    return []
  }
  const written = reader.text(asked)
  const question = written === undefined ? undefined : settings.expand(written, 'text', () => asked.valueAt)
  if (tool === undefined || question === undefined) return []
  const parsed = parseQuestion(question)
  if (!parsed.ok) {
    problems.add(asked.valueAt, parsed.message)
    return []
  }
  const expected = permits === undefined ? 'deny' : 'permit'
  return [{ tool, expected, request: parsed.question, question, place: problems.placeOf(item.at) }]
}
