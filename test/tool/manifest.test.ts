import { expect, test } from 'vitest'
import { parseManifest } from '../../runtime/tool/manifest.ts'

const sound = { description: 'Reads.', parameters: { type: 'object', properties: {} } }

test('a manifest is taken as it is', () => {
  const needs = { read: true, http: ['GET https://example.com/'], credentials: true }
  expect(parseManifest({ ...sound, needs })).toEqual({ ok: true, manifest: { ...sound, needs } })
  expect(parseManifest(sound)).toEqual({ ok: true, manifest: { ...sound, needs: undefined } })
})

test.each<[unknown, string]>([
  [null, 'the tool is not an object'],
  [{ ...sound, description: ' ' }, 'description must be text'],
  [{ ...sound, parameters: { type: 'string' } }, 'parameters must be of type object'],
  [{ ...sound, parameters: { type: 'object', x: 1 } }, 'parameters/x is an unknown keyword'],
  [{ ...sound, needs: 'read' }, 'needs must be an object'],
  [{ ...sound, needs: { read: ['**'] } }, 'needs.read must be true, or left out'],
  [{ ...sound, needs: { read: false } }, 'needs.read must be true, or left out'],
  [{ ...sound, needs: { reed: true } }, 'needs.reed is unknown'],
  [{ ...sound, needs: { http: [] } }, 'needs.http must be true or a list of texts'],
  [{ ...sound, needs: { http: 'GET x' } }, 'needs.http must be true or a list of texts'],
])('%j: %s', (value, problem) => {
  expect(parseManifest(value)).toEqual({ ok: false, problems: [problem] })
})
