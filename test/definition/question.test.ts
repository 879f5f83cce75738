import { describe, expect, test } from 'vitest'
import { parseQuestion, questionOf } from '../../runtime/definition/question.ts'

const NOTHING = new Uint8Array()

describe('parseQuestion()', () => {
  test.each([
    ['read src/a.ts', { op: 'fs.read', path: 'src/a.ts' }],
    [' read \t a b ', { op: 'fs.read', path: 'a b' }],
    ['write x', { op: 'fs.write', path: 'x', data: NOTHING, how: 'replace' }],
    ['delete x', { op: 'fs.delete', path: 'x', kind: 'file' }],
    ['GET https://a.example/b?c=d', { op: 'http', method: 'GET', url: 'https://a.example/b?c=d' }],
    ['OPTIONS http://127.0.0.1:8080/', { op: 'http', method: 'OPTIONS', url: 'http://127.0.0.1:8080/' }],
  ])('reads %j', (text, question) => {
    expect(parseQuestion(text)).toEqual({ ok: true, question })
  })

  test.each([
    ['', 'is not whole'],
    ['read', 'is not whole'],
    ['read ', 'is not whole'],
    ['raed x', 'did you mean `read`?'],
    ['get https://a.example/', 'in capitals: GET'],
    ['list x', 'a question is'],
    ['READ x', 'there is no question `READ`'],
    ['PROPFIND http://127.0.0.1:8080/', 'there is no question `PROPFIND`'],
    ['GTE https://a.example/', 'did you mean `GET`?'],
    ['read ../x', 'it leads out of the workspace'],
    ['write a//b', 'it holds an empty name'],
    ['delete /etc/passwd', 'it is absolute'],
    ['GET https://a.example/%2e%2e/b', 'its path holds an encoded `.`'],
    ['GET https://u:p@a.example/', 'it holds a user name or password'],
    ['POST /issues', 'write POST https://host/path'],
    ['GET https://', 'is no URL'],
    ['GET ftp://a.example/', 'is no URL'],
    ['GET https://a.example/b c', 'write %20'],
    ['r\x1bead x', 'r\\x1bead'],
  ])('refuses %j', (text, message) => {
    expect(parseQuestion(text)).toEqual({ ok: false, message: expect.stringContaining(message) as string })
  })
})

describe('questionOf()', () => {
  test('takes a path as it stands', () => {
    expect(questionOf('read', ' a\nb ')).toEqual({ ok: true, question: { op: 'fs.read', path: ' a\nb ' } })
    expect(questionOf('read', '../x')).toEqual({ ok: true, question: { op: 'fs.read', path: '../x' } })
    expect(questionOf('GET', 'https://a.example/%2e/b')).toMatchObject({ ok: true })
    expect(questionOf('read', '')).toMatchObject({ ok: false })
  })
})
