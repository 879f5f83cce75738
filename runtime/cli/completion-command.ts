/**
 * `run-agent completion`: prints what makes a shell complete commands, options and definitions. The words are taken
 * from the help when this runs; while a shell completes it runs nothing and reads names of files alone.
 */
import { RunAgentError } from '../errors.ts'
import { EXIT } from './exit-codes.ts'

export interface CompletionArguments {
  /** bash, zsh or fish. */
  readonly shell: string | undefined
  /** The help of a command, or of the program where there are no words. */
  readonly helpOf: (words: readonly string[]) => Promise<string>
}

export async function completionCommand({ shell, helpOf }: CompletionArguments): Promise<number> {
  const write = shell === undefined || !Object.hasOwn(WRITERS, shell) ? undefined : WRITERS[shell]
  if (write === undefined) {
    throw new RunAgentError('E_USAGE', `completion ${shell ?? ''}: name your shell: bash, zsh or fish`, {
      hint: 'bash: source <(run-agent completion bash) · fish: run-agent completion fish | source',
    })
  }
  process.stdout.write(write(await wordsOf(helpOf)))
  return EXIT.completed
}

interface Words {
  readonly commands: readonly Command[]
  /** Of a run, the command without a name. */
  readonly options: readonly string[]
}

interface Command {
  readonly name: string
  readonly takesDefinition: boolean
  readonly options: readonly string[]
}

async function wordsOf(helpOf: CompletionArguments['helpOf']): Promise<Words> {
  const help = await helpOf([])
  const named = [...help.matchAll(/^ {2}run-agent ([a-z][a-z-]*)(.*)$/gm)]
  const commands = await Promise.all(
    named.map(async ([, name = '', rest = '']) => ({
      name,
      takesDefinition: /^ [<[]definition[>\]]/.test(rest),
      options: optionsOf(await helpOf([name])),
    })),
  )
  return { commands, options: optionsOf(help) }
}

/** Nothing but letters and hyphens comes out of this, so that no shell finds anything to expand in it. */
function optionsOf(help: string): readonly string[] {
  return [...new Set([...help.matchAll(/^ +(?:-[a-z], )?(--[a-z][a-z-]*)/gm)].map(([, option = '']) => option))]
}

/** What may stand after a command that takes no definition. */
const SUBJECTS: Readonly<Record<string, string>> = {
  audit: 'list show tail verify',
  replay: 'last',
  schema: 'agent config events',
  completion: 'bash zsh fish',
}
/** Options whose value is a file, or a folder. */
const FILE_OPTIONS = ['--config', '--audit', '--script']
const FOLDER_OPTION = '--workspace'

const WRITERS: Readonly<Record<string, (words: Words) => string>> = { bash, zsh, fish }

function takersOf({ commands }: Words): readonly string[] {
  return commands.filter(({ takesDefinition }) => takesDefinition).map(({ name }) => name)
}

function subjectLines(line: (name: string, subjects: string) => string): string {
  return Object.entries(SUBJECTS)
    .map(([name, subjects]) => line(name, subjects))
    .join('\n')
}

function bash(words: Words): string {
  const cases = words.commands.map(({ name, options }) => `    ${name}) options='${options.join(' ')}' ;;`)
  return `# bash completion of run-agent: source <(run-agent completion bash)
_run_agent() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" options words=''
  COMPREPLY=()
  case "$previous" in
    ${FILE_OPTIONS.join('|')}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${FOLDER_OPTION}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) options='${words.options.join(' ')}' ;;
  esac
  if [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  if ((COMP_CWORD == 1)); then
    words='${words.commands.map(({ name }) => name).join(' ')}'
  elif ((COMP_CWORD == 2)); then
    case "\${COMP_WORDS[1]}" in
${subjectLines((name, subjects) => `      ${name}) words='${subjects}' ;;`)}
    esac
  fi
  [[ -n "$words" ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  case "$COMP_CWORD \${COMP_WORDS[1]}" in
    '1 '*${takersOf(words)
      .map((name) => `|'2 ${name}'`)
      .join('')})
      compopt -o filenames
      local name
      while IFS= read -r name; do
        [[ -d "$name" || "$name" == *.yaml || "$name" == *.yml || "$name" == *.md ]] && COMPREPLY+=("$name")
      done < <(compgen -f -- "$current")
      ;;
    '2 init') compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
}
complete -F _run_agent run-agent
`
}

function zsh(words: Words): string {
  const cases = words.commands.map(({ name, options }) => `    ${name}) options=(${options.join(' ')}) ;;`)
  return `#compdef run-agent
# zsh completion of run-agent: save it as _run-agent in a folder of $fpath, or: source <(run-agent completion zsh)
_run_agent() {
  local -a options
  local previous="\${words[CURRENT-1]}"
  case "$previous" in
    ${FILE_OPTIONS.join('|')}) _files; return ;;
    ${FOLDER_OPTION}) _files -/; return ;;
  esac
  case "\${words[2]}" in
${cases.join('\n')}
    *) options=(${words.options.join(' ')}) ;;
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- $options
    return
  fi
  if ((CURRENT == 2)); then
    compadd -- ${words.commands.map(({ name }) => name).join(' ')}
    _files -g '*.(yaml|yml|md)'
    return
  fi
  ((CURRENT == 3)) || return
  case "\${words[2]}" in
${subjectLines((name, subjects) => `    ${name}) compadd -- ${subjects} ;;`)}
    init) _files -/ ;;
    ${takersOf(words).join('|')}) _files -g '*.(yaml|yml|md)' ;;
  esac
}
if [[ "\${funcstack[1]}" == _run-agent ]]; then _run_agent "$@"; else compdef _run_agent run-agent; fi
`
}

function fish(words: Words): string {
  const names = words.commands.map(({ name }) => name).join(' ')
  const definitions = `complete -c run-agent -k -xa '(__fish_complete_suffix .yaml; __fish_complete_suffix .yml; __fish_complete_suffix .md)'`
  const first = `-n '__fish_is_nth_token 1'`
  const after = (name: string): string => `-n '__fish_seen_subcommand_from ${name}'`
  const lines = words.commands.flatMap(({ name, options }) => options.map((option) => fishOption(option, after(name))))
  return `# fish completion of run-agent: run-agent completion fish | source
complete -c run-agent -f
${definitions} ${first}
complete -c run-agent -xa '${names}' ${first}
${takersOf(words)
  .map((name) => `${definitions} ${after(name)}`)
  .join('\n')}
${subjectLines((name, subjects) => `complete -c run-agent -xa '${subjects}' ${after(name)}`)}
complete -c run-agent -xa '(__fish_complete_directories)' ${after('init')}
${[...lines, ...words.options.map((option) => fishOption(option, `-n 'not __fish_seen_subcommand_from ${names}'`))].join('\n')}
`
}

function fishOption(option: string, condition: string): string {
  const value = FILE_OPTIONS.includes(option)
    ? ' -rF'
    : option === FOLDER_OPTION
      ? ` -xa '(__fish_complete_directories)'`
      : ''
  return `complete -c run-agent -l ${option.slice(2)}${value} ${condition}`
}
