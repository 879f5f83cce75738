import { spawnSync } from 'node:child_process'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createModelFetch } from '../../runtime/broker/model-http.ts'
import { RunAgentError } from '../../runtime/errors.ts'
import type { Model, ModelRequest, TranscriptItem } from '../../runtime/model/model.ts'
import { createOpenAIModel } from '../../runtime/model/openai-model.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import { ProviderError } from '../../runtime/provider-error.ts'
import {
  chatCall,
  chatReply,
  deepText,
  imitateProvider,
  json,
  memoryRecorder,
  responsesCall,
  responsesReply,
  responsesText,
} from '../support/provider-imitation.ts'
import type { Imitation, MemoryRecorder } from '../support/provider-imitation.ts'

const SECRET = 'sk-imitation-0123456789/+abc'
const host = nodeHttpHost()
const stdout = vi.spyOn(process.stdout, 'write')

afterAll(() => host.close())

const tool = {
  name: 'read_file',
  description: 'Reads.',
  parameters: {
    type: 'object',
    properties: { path: { type: 'string' }, lines: { type: 'integer' } },
    required: ['path'],
  },
}

function ask(items: readonly TranscriptItem[] = [user('go')], more: Partial<ModelRequest> = {}): ModelRequest {
  return { instructions: 'Be brief.', items, tools: [tool], settings: {}, ...more }
}

function user(content: string): TranscriptItem {
  return { type: 'message', role: 'user', content }
}

function result(callId: string, output: string): TranscriptItem {
  return { type: 'function_call_result', callId, name: 'read_file', status: 'completed', output }
}

function modelAt(
  at: Imitation,
  api: 'chat' | 'responses',
  recorder: MemoryRecorder = memoryRecorder(),
  name = 'imitation',
  scrub = (text: string): string => text.replaceAll(SECRET, '[withheld]'),
): Model {
  const fetch = createModelFetch({
    recorder,
    dress: async (headers) => headers.set('authorization', `Bearer ${SECRET}`),
    scrub,
    baseURL: at.baseURL,
    httpHost: host,
    call: 'model',
    limits: { connectTimeoutMs: 1000, headersTimeoutMs: 300, bodyTimeoutMs: 300, maxBytes: 1_000_000 },
  })
  return createOpenAIModel({ provider: 'local', name, baseURL: at.baseURL, api, fetch })
}

async function failureOf(turn: Promise<unknown>): Promise<RunAgentError> {
  const thrown = await turn.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(RunAgentError)
  return thrown as RunAgentError
}

const never = new AbortController().signal

describe('a conversation over the chat API', () => {
  test('turn() returns parallel calls, and sends their results back in the next turn', async () => {
    await using at = await imitateProvider(
      json(
        chatReply({
          content: '',
          tool_calls: [chatCall('a', 'read_file', '{"path":"x"}'), chatCall('b', 'read_file', '{"path":"y"}')],
        }),
      ),
      json(chatReply({ content: 'done' })),
    )
    const model = modelAt(at, 'chat')
    const first = await model.turn(ask(), never, 0)
    expect(first.calls).toEqual([
      { callId: 'a', tool: 'read_file', argumentsJson: '{"path":"x"}' },
      { callId: 'b', tool: 'read_file', argumentsJson: '{"path":"y"}' },
    ])
    expect(first.text).toBe('')
    expect(first.usage).toEqual({ requests: 1, inputTokens: 11, outputTokens: 7, totalTokens: 18 })
    const second = await model.turn(ask([user('go'), ...first.items, result('a', 'X'), result('b', 'Y')]), never, 0)
    expect(second).toMatchObject({ calls: [], text: 'done' })
    expect(model.playedBy).toBe('local/imitation')

    expect(at.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(2).fill('POST /v1/chat/completions'))
    const sent = JSON.parse(at.seen[1]?.body ?? '')
    expect(sent.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [chatCall('a', 'read_file', '{"path":"x"}'), chatCall('b', 'read_file', '{"path":"y"}')],
      },
      { role: 'tool', tool_call_id: 'a', content: 'X' },
      { role: 'tool', tool_call_id: 'b', content: 'Y' },
    ])
    expect(sent.tools).toEqual([{ type: 'function', function: { ...tool, strict: false } }])
    expect(sent).not.toHaveProperty('store')
  })

  test('turn() keeps a text with its calls, and sends back nothing but the text', async () => {
    const message = { content: 'Looking.', tool_calls: [chatCall('a', 'read_file', '{}')] }
    await using at = await imitateProvider(json(chatReply(message)), json(chatReply({ content: 'done' })))
    const model = modelAt(at, 'chat')
    const first = await model.turn(ask(), never, 0)
    await model.turn(ask([user('go'), ...first.items, result('a', 'X')]), never, 0)
    expect(JSON.parse(at.seen[1]?.body ?? '').messages[2]).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'Looking.' }],
      tool_calls: message.tool_calls,
    })
  })

  test('turn() gives a repeated, missing, reserved or unprintable call identifier a fresh one', async () => {
    const ids = ['old', 'same', 'same', undefined, '', 'model', 'script', 'a\u0000b', 'x'.repeat(200)]
    await using at = await imitateProvider(
      json(chatReply({ tool_calls: ids.map((id) => chatCall(id, 'read_file', '{}')) })),
    )
    const old: TranscriptItem = {
      type: 'function_call',
      callId: 'old',
      name: 'read_file',
      arguments: '{}',
      status: 'completed',
    }
    const request = ask([user('go'), old, result('old', 'X')])
    const callIds = (await modelAt(at, 'chat').turn(request, never, 0)).calls.map((call) => call.callId)
    expect(callIds).toEqual(['call_3', 'same', 'call_5', 'call_6', 'call_7', 'call_8', 'call_9', 'call_10', 'call_11'])
    expect((await modelAt(at, 'chat').turn(request, never, 0)).calls.map((call) => call.callId)).toEqual(callIds)
  })

  test('turn() passes unknown names and malformed arguments on exactly, and survives them in the history', async () => {
    await using at = await imitateProvider(
      json(chatReply({ tool_calls: [chatCall('a', 'mcp.gh/list*', '{"path":')] })),
      json(chatReply({ content: 'done' })),
    )
    const model = modelAt(at, 'chat')
    const first = await model.turn(ask(), never, 0)
    expect(first.calls).toEqual([{ callId: 'a', tool: 'mcp.gh/list*', argumentsJson: '{"path":' }])
    const second = await model.turn(ask([user('go'), ...first.items, result('a', 'no such tool')]), never, 0)
    expect(second.text).toBe('done')
  })

  test('turn() sends a structured result as text, never as an image to be fetched', async () => {
    await using at = await imitateProvider(json(chatReply({ content: 'done' })))
    const call: TranscriptItem = {
      type: 'function_call',
      callId: 'a',
      name: 'read_file',
      arguments: '{}',
      status: 'completed',
    }
    const output = { type: 'image', image: 'https://attacker.example/?q=1' }
    await modelAt(at, 'chat').turn(ask([user('go'), call, { ...result('a', ''), output } as TranscriptItem]), never, 0)
    expect(JSON.parse(at.seen[0]?.body ?? '').messages.at(-1).content).toBe(JSON.stringify(output))
  })

  test('turn() survives a reply without usage, and with a nonsensical one', async () => {
    await using at = await imitateProvider(
      json({ ...chatReply({ content: 'a' }), usage: undefined }),
      json({ ...chatReply({ content: 'b' }), usage: { prompt_tokens: -5, completion_tokens: 1e300, total_tokens: 3 } }),
    )
    const model = modelAt(at, 'chat')
    expect((await model.turn(ask(), never, 0)).usage).toEqual({
      requests: 1,
      inputTokens: 0,
      outputTokens: 0,
      totalTokens: 0,
    })
    expect((await model.turn(ask(), never, 0)).usage).toEqual({
      requests: 1,
      inputTokens: 0,
      outputTokens: 3,
      totalTokens: 3,
    })
  })
})

describe('a conversation over the Responses API', () => {
  test('turn() sends calls, results and encrypted reasoning back, and stores nothing at the provider', async () => {
    const reasoning = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'opaque', status: null }
    await using at = await imitateProvider(
      json(
        responsesReply(
          reasoning,
          responsesCall('a', 'read_file', '{"path":"x"}'),
          responsesCall('b', 'read_file', '{}'),
        ),
      ),
      json(responsesReply(responsesText('done'))),
    )
    const model = modelAt(at, 'responses', undefined, 'gpt-5-imitation')
    const settings = { effort: 'low', maxOutput: 99 }
    const first = await model.turn(ask(undefined, { settings }), never, 0)
    expect(first.calls.map((call) => call.callId)).toEqual(['a', 'b'])
    const second = await model.turn(
      ask([user('go'), ...first.items, result('a', 'X'), result('b', 'Y')], { settings }),
      never,
      0,
    )
    expect(second).toMatchObject({ calls: [], text: 'done', usage: { requests: 1, totalTokens: 18 } })

    expect(at.seen.map(({ path }) => path)).toEqual(['/v1/responses', '/v1/responses'])
    const sent = JSON.parse(at.seen[1]?.body ?? '')
    expect(sent).toMatchObject({
      model: 'gpt-5-imitation',
      instructions: 'Be brief.',
      store: false,
      stream: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'low' },
      max_output_tokens: 99,
      tools: [{ type: 'function', ...tool, strict: false }],
    })
    expect(sent.input).toEqual([
      { role: 'user', content: 'go' },
      { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'opaque' },
      { type: 'function_call', name: 'read_file', call_id: 'a', arguments: '{"path":"x"}', status: 'completed' },
      { type: 'function_call', name: 'read_file', call_id: 'b', arguments: '{}', status: 'completed' },
      { type: 'function_call_output', call_id: 'a', output: 'X', status: 'completed' },
      { type: 'function_call_output', call_id: 'b', output: 'Y', status: 'completed' },
    ])
  })

  test('turn() drops reasoning that the provider could not know again, and items never asked for', async () => {
    const items = [
      { id: 'rs_1', type: 'reasoning', summary: [] },
      { type: 'web_search_call', id: 'ws', status: 'completed' },
    ]
    await using at = await imitateProvider(json(responsesReply(...items, responsesText('done'))))
    const turn = await modelAt(at, 'responses').turn(ask(), never, 0)
    expect(turn.items).toEqual([
      { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'done' }] },
    ])
    expect(JSON.parse(at.seen[0]?.body ?? '').include).toEqual([])
  })

  test('turn() says why an answer stopped early or failed', async () => {
    await using at = await imitateProvider(
      json({ ...responsesReply(), status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }),
      json({ ...responsesReply(), status: 'failed', error: { code: 'server_error', message: 'out of order' } }),
    )
    const model = modelAt(at, 'responses')
    const cut = await failureOf(model.turn(ask(), never, 0))
    expect(cut).toMatchObject({ code: 'E_MODEL', retryable: false, hint: expect.stringContaining('maxOutput') })
    expect(await failureOf(model.turn(ask(), never, 0))).toMatchObject({
      code: 'E_PROVIDER',
      retryable: true,
      message: 'local/imitation failed: out of order',
    })
  })
})

describe.each(['chat', 'responses'] as const)('a failing provider, %s', (api) => {
  const error = (message: string, code?: string): object => ({ error: { message, code, type: 'x' } })

  test.each([
    [401, error('bad key'), {}, { code: 'E_CREDENTIAL', retryable: false }, 'bad key'],
    [403, error('not yours'), {}, { code: 'E_CREDENTIAL', retryable: false }, 'not yours'],
    [404, error('no model'), {}, { code: 'E_PROVIDER', retryable: false }, 'has no model imitation'],
    [429, error('slow down'), { 'retry-after': '12' }, { code: 'E_PROVIDER', retryable: true }, 'retry after 12 s'],
    [429, error('pay', 'insufficient_quota'), {}, { code: 'E_PROVIDER', retryable: false }, 'pay'],
    [500, error('oops'), {}, { code: 'E_PROVIDER', retryable: true }, '(500): oops'],
    [503, error('busy'), { 'retry-after': '3' }, { code: 'E_PROVIDER', retryable: true }, 'retry after 3 s'],
    [400, error('bad'), {}, { code: 'E_PROVIDER', retryable: false }, '(400): bad'],
  ])('turn() maps %i %j once, without a retry', async (status, body, headers, expected, message) => {
    await using at = await imitateProvider(json(body, status, headers as Record<string, string>))
    const failure = await failureOf(modelAt(at, api).turn(ask(), never, 0))
    expect(failure).toBeInstanceOf(ProviderError)
    expect(failure).toMatchObject({ ...expected, status })
    expect(failure.message).toContain(message)
    expect(at.seen).toHaveLength(1)
  })

  test('turn() quotes no more than 300 characters of an error', async () => {
    await using at = await imitateProvider(json(error('x'.repeat(10_000)), 500))
    expect((await failureOf(modelAt(at, api).turn(ask(), never, 0))).message.length).toBeLessThan(360)
  })

  test.each([
    ['malformed JSON', 'application/json', '{"choices": [', 'malformed JSON'],
    ['an HTML page', 'text/html', '<html>Log in</html>', 'which is not JSON'],
    ['a type that only begins like JSON', 'application/jsonp', '{}', 'which is not JSON'],
    ['other JSON', 'application/json', '{"ok":true}', 'JSON that is no'],
    ['null', 'application/json', 'null', 'JSON that is no'],
    ['nothing', 'application/json', '', 'malformed JSON'],
  ])('turn() refuses %s', async (_name, type, body, message) => {
    await using at = await imitateProvider((response) => response.writeHead(200, { 'content-type': type }).end(body))
    const failure = await failureOf(modelAt(at, api).turn(ask(), never, 0))
    expect(failure).toMatchObject({ code: 'E_PROVIDER', retryable: false, hint: expect.stringContaining('baseURL') })
    expect(failure.message).toContain(message)
  })

  test('turn() gives up on a body that drips, on headers that never come, and on a huge body', async () => {
    await using at = await imitateProvider(
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const drip = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(drip))
      },
      () => undefined,
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(' '.repeat(2_000_000)),
    )
    const model = modelAt(at, api)
    const messages = ['an incomplete answer after 300 ms', 'no answer after 300 ms', 'more than 1000000 bytes']
    for (const message of messages) {
      const failure = await failureOf(model.turn(ask(), never, 0))
      expect(failure.message).toContain(message)
      expect(failure).toMatchObject({ code: 'E_PROVIDER', retryable: !message.includes('bytes') })
    }
  })

  test('turn() reports a provider that nobody listens for', async () => {
    const at = await imitateProvider()
    await at[Symbol.asyncDispose]()
    const failure = await failureOf(modelAt(at, api).turn(ask(), never, 0))
    expect(failure).toMatchObject({ code: 'E_PROVIDER', retryable: true })
    expect(failure.message).toContain('ECONNREFUSED')
  })

  test('turn() stops at once when aborted, before and while a request goes on', async () => {
    await using at = await imitateProvider(() => undefined)
    const early = AbortSignal.abort(new RunAgentError('E_BUDGET', 'time is up'))
    expect(await failureOf(modelAt(at, api).turn(ask(), early, 0))).toMatchObject({ code: 'E_BUDGET' })
    expect(at.seen).toHaveLength(0)
    const late = new AbortController()
    setTimeout(() => late.abort(), 50)
    expect(await failureOf(modelAt(at, api).turn(ask(), late.signal, 0))).toMatchObject({ code: 'E_INTERRUPTED' })
    expect(at.seen).toHaveLength(1)
  })

  test('turn() lets no environment variable of the SDK change what is sent', async () => {
    vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'x-leak: 1')
    vi.stubEnv('OPENAI_ORG_ID', 'org')
    vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:1/v1')
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1')
    vi.stubEnv('http_proxy', 'http://127.0.0.1:1')
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    await using at = await imitateProvider(json(error('no'), 500))
    await failureOf(modelAt(at, api).turn(ask(), never, 0))
    vi.unstubAllEnvs()
    const names = Object.keys(at.seen[0]?.headers ?? {}).toSorted()
    expect(names).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
    ])
  })
})

describe.each(['chat', 'responses'] as const)('a provider that echoes the key, %s', (api) => {
  const echo = `before ${SECRET} after`
  const turn = {
    chat: chatReply({ content: echo, tool_calls: [chatCall(SECRET, echo, echo)] }),
    responses: responsesReply(responsesText(echo), responsesCall(SECRET, echo, echo)),
  }[api]

  test('turn() lets it into no item, event or error', async () => {
    await using at = await imitateProvider(
      json(turn, 200, { 'x-request-id': SECRET }),
      json({ error: { message: echo, code: SECRET } }, 401, { 'x-request-id': SECRET }),
      (response) => response.writeHead(200, { 'content-type': SECRET }).end(echo),
      (response) => response.writeHead(307, { location: `http://${SECRET.slice(0, 20)}.example/${SECRET}` }).end(),
    )
    const recorder = memoryRecorder()
    const model = modelAt(at, api, recorder)
    const answered = await model.turn(ask(), never, 0)
    expect(answered).toMatchObject({ text: 'before [withheld] after', calls: [{ tool: 'before [withheld] after' }] })
    const failures = [
      await failureOf(model.turn(ask(), never, 0)),
      await failureOf(model.turn(ask(), never, 0)),
      await failureOf(model.turn(ask(), never, 0)),
    ]
    expect(failures.map((failure) => failure.code)).toEqual(['E_CREDENTIAL', 'E_PROVIDER', 'E_PROVIDER'])
    const everything = [model, answered, recorder.events, ...failures]
    expect(everything.map((value) => deepText(value)).join()).not.toContain(SECRET)
    expect(inspect(everything, { depth: 20, showHidden: true })).not.toContain(SECRET)
    expect(at.seen.map((request) => request.headers.authorization)).toEqual(Array(4).fill(`Bearer ${SECRET}`))
  })

  test('negative control: it is there when nothing scrubs', async () => {
    await using at = await imitateProvider(json(turn, 200, { 'x-request-id': SECRET }))
    const recorder = memoryRecorder()
    const answered = await modelAt(at, api, recorder, 'imitation', (text) => text).turn(ask(), never, 0)
    expect(deepText(answered)).toContain(SECRET)
    expect(deepText(recorder.events)).toContain(SECRET)
  })
})

describe('the SDK in a process of its own', () => {
  const run = (script: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
      timeout: 20_000,
      env: { PATH: process.env['PATH'], OPENAI_API_KEY: 'sk-imitation', OPENAI_LOG: 'debug' },
    })
  // Every fetch that the SDK makes by itself ends here and is printed.
  const spy = `globalThis.fetch = async (url) => { console.error('FETCH', String(url)); return new Response('{}') }\n`
  const turn = `
    import { createOpenAIModel } from './runtime/model/openai-model.ts'
    const reply = ${JSON.stringify(JSON.stringify(responsesReply(responsesText('done'))))}
    const fetch = async () => new Response(reply, { headers: { 'content-type': 'application/json' } })
    const baseURL = 'http://127.0.0.1:1/v1'
    const model = createOpenAIModel({ provider: 'local', name: 'm', baseURL, api: 'responses', fetch })
    const items = [{ type: 'message', role: 'user', content: 'go' }]
    const request = { instructions: '', items, tools: [], settings: {} }
    const { text } = await model.turn(request, new AbortController().signal, 0)
    await model.close()\n`

  test('a turn uploads no trace, prints nothing and lets the process end', () => {
    const { stdout, stderr, status } = run(`${turn}${spy}if (text !== 'done') process.exit(9)`)
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 })
  })

  test('negative control: the same spy sees the trace that the bare SDK uploads', () => {
    const { stderr } = run(`${spy}
      const { withTrace, createCustomSpan, getGlobalTraceProvider } = await import('@openai/agents')
      await withTrace('t', async () => {
        const span = createCustomSpan({ data: { name: 'x' } })
        span.start()
        span.end()
      })
      await getGlobalTraceProvider().forceFlush()`)
    expect(stderr).toContain('FETCH https://api.openai.com/v1/traces/ingest')
  })

  test('loading it leaves the listeners of the process as they were', () => {
    const { stdout } = run(`
      const names = ['SIGINT', 'SIGTERM', 'beforeExit', 'unhandledRejection']
      process.on('SIGINT', () => undefined)
      ${turn.replace('import {', 'const {').replace('} from ', '} = await import(').replace(".ts'", ".ts')")}
      console.log(names.map((name) => process.listenerCount(name)).join())`)
    expect(stdout).toBe('1,0,0,0\n')
  })

  test('SIGINT ends the process as if it had never been loaded', () => {
    const { signal } = run(`${turn}process.kill(process.pid, 'SIGINT'); setTimeout(() => undefined, 5000)`)
    expect(signal).toBe('SIGINT')
  })
})

test('nothing was printed', () => {
  const printed = stdout.mock.calls.map(([text]) => String(text)).filter((text) => /exporter|trace|openai/i.test(text))
  expect(printed).toEqual([])
})
