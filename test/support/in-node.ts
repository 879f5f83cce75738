/** The body of a tool run in this process, for comparison with what a guest makes of it. */

type Body = () => Promise<unknown>

/** What it returns, as it would look after the way out of a sandbox. */
export async function inNode(body: string): Promise<unknown> {
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- our own text, the same that the guest runs
  const run = new Function(`return (async () => {\n${body}\n})()`) as Body
  return JSON.parse(JSON.stringify((await run()) ?? null))
}
