/** `run-agent check`: validates a definition, runs its tests and prints what its agent may do. */
import { ceilingInWords, spendingInWords, spendingOf } from '../ceiling.ts'
import type { OperatorConfig } from '../definition/config.ts'
import { effectiveRights, type CheckedTool } from '../effective-rights.ts'
import { ProblemsError } from '../errors.ts'
import { printable } from '../printable.ts'
import { carriedInWords, rightsInWords, SURPRISE_MARK } from '../rights.ts'
import { testRights, type TestedRights } from '../rights-tests.ts'
import { askedAgent, type QuestionArguments } from './checked-agent.ts'
import { credentialWarnings } from './credential-warnings.ts'
import { definitionPlace, readConfig, readEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { openWorkshop } from './workshop.ts'

export interface CheckArguments extends Partial<QuestionArguments> {
  readonly definition: string
  readonly json: boolean
}

/** The form of `--json`. */
const CHECK_FORMAT = 1

export async function checkCommand(args: CheckArguments): Promise<number> {
  const { definition: path, json, set = [], user, allowProtected = [], workspace, config: configPath } = args
  const environment = readEnvironment()
  const place = definitionPlace(environment, path)
  const workshop = openWorkshop(environment, place.folder)
  try {
    const config = readConfig(environment, configPath)
    const asked = { set, user, allowProtected, workspace, config: configPath }
    const agent = await askedAgent(environment, config, workshop, place, asked)
    const { definition, tools, digest, values } = agent
    const tests = testRights(definition, tools, values)
    if (json) {
      const rights = effectiveRights(definition, tools)
      writeJson({
        check: CHECK_FORMAT,
        digest,
        values,
        ...rights,
        carried: agent.carried,
        ceiling: config.ceiling,
        spending: spendingOf(definition.model, config),
        tests,
      })
    } else {
      const lines = [
        `${definition.name}: valid · workspace ${printable(agent.workspace)}`,
        ...carriedInWords(agent.carried),
        ...rightsInWords(definition, tools, values),
        ...warningLines(tools, config),
        ...ceilingInWords(definition.budget, config.ceiling),
        ...spendingInWords(definition.model, config).map((line) => printable(line)),
        ...testLines(tests),
        `  ${digest}`,
      ]
      process.stdout.write(`${lines.join('\n')}\n`)
    }
    if (tests.failed.length > 0) throw new ProblemsError('E_DEFINITION', tests.failed)
    return EXIT.completed
  } finally {
    workshop.close()
  }
}

/** What a reviewer would say of the credentials that its tools have, without looking at a value. */
function warningLines(tools: readonly CheckedTool[], { credentials, providers }: OperatorConfig): readonly string[] {
  const usedByProviders = new Set([...providers.values()].flatMap(({ credential }) => credential ?? []))
  const names = new Set(tools.flatMap(({ grant }) => (grant.credentials ?? []).map(({ name }) => name)))
  return [...names].flatMap((name) => {
    const config = credentials.get(name)
    if (config === undefined) return []
    const review = {
      name,
      config,
      usedByProviders,
      secret: undefined,
      unusedScopes: [],
      stored: undefined,
      isEphemeral: false,
    }
    const warnings = credentialWarnings({ ...review, nowMs: Date.now() })
    return warnings.map(
      (warning) => `${SURPRISE_MARK} credential ${name}: ${printable(warning)} · ${printable(config.place)}`,
    )
  })
}

function testLines({ passed, failed, unasked }: TestedRights): readonly string[] {
  const counts = [
    `${passed} passed`,
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(unasked > 0 ? [`${unasked} not asked, because they need values of settings: give them with --set`] : []),
  ]
  return passed + failed.length + unasked === 0 ? [] : [`  tests: ${counts.join(', ')}`]
}
