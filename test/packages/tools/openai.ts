import OpenAI from 'openai'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Asks a model, whole and as a stream.',
  parameters: z.object({ baseURL: z.string() }),
  async execute({ baseURL }) {
    const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0, dangerouslyAllowBrowser: true })
    const messages = [{ role: 'user' as const, content: 'Hé?' }]
    const whole = await client.chat.completions.create({ model: 'm', messages })
    let streamed = ''
    for await (const part of await client.chat.completions.create({ model: 'm', messages, stream: true })) {
      streamed += part.choices[0]?.delta.content ?? ''
    }
    const refused = await client.models
      .retrieve('none')
      .catch((error: { status: number; name: string }) => error.status)
    return { whole: whole.choices[0]?.message.content, streamed, refused }
  },
})
