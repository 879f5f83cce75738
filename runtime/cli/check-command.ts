/** `run-agent check`: validates a definition and prints what its agent may do. */
import { checkAgent, readDefinition } from '../load-agent.ts'
import { nodeFileHost } from '../node-files.ts'
import { printable } from '../printable.ts'
import { definitionPlace, readEnvironment, workspaceFiles, workspaceFolder } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { openWorkshop } from './workshop.ts'

type CheckedTool = Awaited<ReturnType<typeof checkAgent>>[number]

export interface CheckArguments {
  readonly definition: string
  readonly json: boolean
}

export async function checkCommand(args: CheckArguments): Promise<number> {
  const environment = readEnvironment()
  const place = definitionPlace(environment, args.definition)
  const workshop = openWorkshop(environment, place.folder)
  try {
    const read = await readDefinition(nodeFileHost, place)
    const workspace = workspaceFolder(environment, undefined, read.definition.workspace)
    const own = workspaceFiles(environment, workspace, place.folder, [])
    const { definition } = read
    const tools = await checkAgent(workshop.loader, place, read, own)
    if (args.json) writeJson({ agent: definition.name, workspace: definition.workspace, tools: tools.map(rightsOf) })
    else {
      const heading = `${definition.name}: valid · workspace ${printable(workspace)}`
      process.stdout.write(`${[heading, ...tools.flatMap(wordsOf)].join('\n')}\n`)
    }
    return EXIT.completed
  } finally {
    workshop.close()
  }
}

function rightsOf({ entry, grant }: CheckedTool): object {
  return { name: entry.name, paths: grant.paths, deny: grant.deny, git: grant.git, limits: entry.limits }
}

function wordsOf({ entry, grant }: CheckedTool): readonly string[] {
  const { name, limits } = entry
  const rules = grant.paths.map((rule) => `    ${rule.right} ${printable(rule.pattern)}`)
  const denied = grant.deny.map((rule) => `    never ${printable(rule.pattern)}`)
  const git =
    grant.git === undefined
      ? []
      : ["    read the repository's history, whatever the path rules say of the files of today"]
  const calls = limits.calls === undefined ? [] : [`    at most ${limits.calls} calls in a run`]
  return [`  ${name}`, ...git, ...rules, ...denied, ...calls]
}
