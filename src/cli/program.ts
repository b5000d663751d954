import { Command, CommanderError, Option } from 'commander'
import type { GlobalOptions, Run } from './command.ts'
import { describeVerbs } from './verbs.ts'

/** What a command line asks for. */
export type Request =
  | { kind: 'run'; options: GlobalOptions; run: Run }
  /** `as`: what it is called in JSON. */
  | { kind: 'told'; as: 'help' | 'version'; text: string }
  | { kind: 'refused'; message: string; hint: string }

type Switch = 'json' | 'yes' | 'dryRun'
type Given = Omit<GlobalOptions, 'command' | Switch> & Partial<Pick<GlobalOptions, Switch>>

const absent: Pick<GlobalOptions, Switch> = { json: false, yes: false, dryRun: false }

const NO_COMMAND: Request = {
  kind: 'refused',
  message: 'no command given',
  hint: 'see "aethel-lattice --help"; to begin, "aethel-lattice deploy --phase local"',
}

/** Shown under every help: what the numbers mean is part of the interface. */
const AFTER_HELP = `
Exit codes: 0 done or PASS, 1 failed or FAIL, 2 UNKNOWN, 3 split, 64 wrong usage, 65 bad nodes.yaml
or other input, 69 unreachable, 75 locked by another command, 130 interrupted.
NO_COLOR switches colours off. AETHEL_LATTICE_DEBUG=1 shows where an unforeseen error came from.`

/** Reads a command line. Runs nothing, and loads nothing but the parser: help must be quick. */
export function parseCommandLine(argv: readonly string[], version: string): Request {
  const said: string[] = []
  let chosen: { name: string; run: Run } | undefined
  const program = emptyProgram(version, (text) => said.push(text))
  describeVerbs(program, (name, run) => {
    chosen = { name, run }
  })
  if (argv.length === 0) return NO_COMMAND
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const text = said.join('').trimEnd()
    if (error.exitCode !== 0) return refusal(error, program, argv)
    return { kind: 'told', as: error.code === 'commander.version' ? 'version' : 'help', text }
  }
  if (chosen === undefined) return NO_COMMAND
  const options = { ...absent, ...program.opts<Given>(), command: chosen.name }
  if (chosen.name === 'down' && program.getOptionValueSource('phase') === 'default') {
    // Processes of this machine are what it stops; a server's nodes are not taken down by a slip.
    options.phase = 'local'
  }
  return { kind: 'run', options, run: chosen.run }
}

/** Whether the answer must be JSON, also when the command line cannot be read. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json')
}

function emptyProgram(version: string, write: (text: string) => void): Command {
  return new Command('aethel-lattice')
    .description('Deploys, verifies and drills a lattice of sync nodes.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--file <path>', 'the lattice’s nodes.yaml', 'nodes.yaml')
    .addOption(
      new Option('--phase <phase>', 'the nodes on this machine, all but the backup, or all')
        .choices(['local', 'soft-launch', 'full'])
        .default('full'),
    )
    .option('--json', 'one JSON document on stdout; progress goes to stderr')
    .option('--yes', 'answer every question with yes')
    .option('--no-input', 'never ask; refuse what would have to be asked')
    .option('--dry-run', 'change nothing, show what would be done')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('afterAll', AFTER_HELP)
    .configureOutput({ writeOut: write, writeErr: write, outputError: () => {} })
    .exitOverride()
}

/** Commander says all in one text: `error: …` and, on a line of its own, what may have been meant. */
function refusal(error: CommanderError, program: Command, argv: readonly string[]): Request {
  if (error.code === 'commander.help') return NO_COMMAND
  const [message = '', ...meant] = error.message.replace(/^error: /, '').split('\n')
  const hint = meant.join(' ').replace(/^\((.*)\)$/, '$1')
  return { kind: 'refused', message, hint: hint || hintFor(program, argv) }
}

function hintFor(program: Command, argv: readonly string[]): string {
  const names = program.commands.map((command) => command.name())
  const named = argv.find((word) => names.includes(word))
  if (named !== undefined) return `see "aethel-lattice ${named} --help"`
  const begun = argv.find((word) => names.some((name) => name.startsWith(word)))
  const meant = names.find((name) => begun !== undefined && name.startsWith(begun))
  return meant === undefined ? 'see "aethel-lattice --help"' : `Did you mean ${meant}?`
}
