/** `run-agent can`: whether a tool of an agent may do something, by which rule, and what would permit it. */
import { questionOf } from '../definition/question.ts'
import { didYouMean } from '../definition/suggest.ts'
import type { CheckedTool } from '../effective-rights.ts'
import { RunAgentError } from '../errors.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, Question } from '../policy/grant.ts'
import { printable } from '../printable.ts'
import { whatWouldAllow, type WayOut } from '../what-would-allow.ts'
import { askedAgent, type AskedAgent, type QuestionArguments } from './checked-agent.ts'
import { definitionPlace, readConfig, readEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { openWorkshop } from './workshop.ts'

export interface CanArguments extends Partial<QuestionArguments> {
  readonly definition: string
  readonly tool: string
  /** `read`, `write`, `delete` or an HTTP method. */
  readonly verb: string
  /** A path or a URL. */
  readonly subject: string
  readonly json: boolean
}

/** The form of `--json`. */
const CAN_FORMAT = 1

export async function canCommand(args: CanArguments): Promise<number> {
  const { definition: path, verb, subject, json, set = [], user, allowProtected = [], workspace } = args
  const asked = questionOf(verb, subject)
  if (!asked.ok) throw new RunAgentError('E_USAGE', asked.message)
  const environment = readEnvironment()
  const place = definitionPlace(environment, path)
  const workshop = openWorkshop(environment, place.folder)
  try {
    const config = readConfig(environment, args.config)
    const given = { set, user, allowProtected, workspace, config: args.config }
    const agent = await askedAgent(environment, config, workshop, place, given)
    const tool = toolOf(agent, args.tool)
    const decision = decide(tool.grant, asked.question, {})
    const way =
      decision.kind === 'permit' ? undefined : whatWouldAllow(tool, asked.question, `${place.folder}/${place.name}`)
    const question = `${verb} ${subject}`
    if (json) writeJson(jsonOf(args.tool, question, decision, way))
    else {
      const lines = linesOf({ tool: args.tool, question, decision, way, isFile: isFile(asked.question) })
      const unbound = agent.values === 'unbound' ? ['  settings without a value here stand as $name: give --set'] : []
      process.stdout.write(`${[...lines, ...unbound].map((line) => printable(line)).join('\n')}\n`)
    }
    return decision.kind === 'permit' ? EXIT.completed : EXIT.denied
  } finally {
    workshop.close()
  }
}

function toolOf({ definition, tools }: AskedAgent, name: string): CheckedTool {
  const tool = tools.find(({ entry }) => entry.name === name)
  if (tool !== undefined) return tool
  const names = tools.map(({ entry }) => entry.name)
  const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  const hint = didYouMean(name, names) ?? has
  throw new RunAgentError('E_USAGE', `${definition.name} has no tool ${name}`, { hint })
}

function isFile(question: Question): boolean {
  return question.op !== 'http'
}

interface Answer {
  readonly tool: string
  readonly question: string
  readonly decision: Decision
  readonly way: WayOut | undefined
  readonly isFile: boolean
}

function linesOf({ tool, question, decision, way, isFile: isOfFile }: Answer): readonly string[] {
  const at = decision.place === undefined ? '' : ` · ${decision.place}`
  const links = isOfFile ? ['  what a link leads to must be granted as well'] : []
  if (decision.kind === 'permit') {
    return [`permitted: ${tool} ${question}`, `  rule: ${decision.rule}${at}`, ...credentialLines(decision), ...links]
  }
  const steps = way?.steps ?? []
  return [
    `denied: ${tool} ${question}`,
    `  rule: ${decision.rule}${at}`,
    `  ${decision.allowed}`,
    way?.possible === true ? '  to permit it:' : '  what would permit it:',
    ...steps.map((step) => `    ${step}`),
    ...links,
  ]
}

function credentialLines({ credential, undressed }: Extract<Decision, { kind: 'permit' }>): readonly string[] {
  if (credential !== undefined) return [`  credential: ${credential}`]
  return undressed === undefined ? [] : [`  credential: none; ${undressed}`]
}

function jsonOf(tool: string, question: string, decision: Decision, way: WayOut | undefined): object {
  const { kind, rule, place } = decision
  const { credential, undressed } = decision.kind === 'permit' ? decision : {}
  const dress = { ...(credential && { credential }), ...(undressed && { undressed }) }
  const why = decision.kind === 'permit' ? dress : { reason: decision.reason, allowed: decision.allowed, way }
  return { can: CAN_FORMAT, tool, question, decision: kind, rule, place, ...why }
}
