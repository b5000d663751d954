import { InvalidArgumentError, Option, type Command } from 'commander'
import type { App, Outcome, Run } from './command.ts'
import type { DeployOptions } from './commands/deploy.ts'
import type { DrillOptions } from './commands/failover-drill.ts'
import type { LogsOptions } from './commands/logs.ts'
import type { PlanOptions } from './commands/plan.ts'
import type { RollbackOptions } from './commands/rollback.ts'
import type { SubmitOptions } from './commands/submit.ts'
import type { TeardownOptions } from './commands/teardown.ts'
import type { TrustOptions } from './commands/trust.ts'

/** Told which command was called, with what. */
type Choose = (name: string, run: Run) => void

/** A command's own code; it is given its arguments, then its options. */
type Start = (app: App, ...given: never[]) => Promise<Outcome>

type Verb = (name: string, summary: string) => Command
type On = (command: Command, start: Start) => void

/** Adds every command to `program`. The code of one is loaded when it runs. */
export function describeVerbs(program: Command, choose: Choose): void {
  const verb: Verb = (name, summary) => program.command(name).description(summary)
  const on: On = (command, start) => {
    command.action((...all: unknown[]) => {
      // The last one is the command itself.
      const given = all.slice(0, -1) as never[]
      choose(command.name(), async (app) => start(app, ...given))
    })
  }
  program.commandsGroup('Deploying:')
  describeRollout(verb, on)
  program.commandsGroup('Looking and proving:')
  describeWatching(verb, on)
  program.commandsGroup('Keeping and mending:')
  describeKeeping(verb, on)
  program.commandsGroup('Preparing:')
  describeFiles(verb, on)
}

const SHOW_ALL = 'show the plan with every line of every difference'

function describeRollout(verb: Verb, on: On): void {
  on(
    verb('deploy', 'bring every node to this release and nodes.yaml, one by one, each proven')
      .option('--plan <digest>', 'only if the plan still has this digest; see "plan"')
      .option('--full', SHOW_ALL, false),
    async (app, options: DeployOptions) =>
      (await import('./on-site.ts')).onSite(
        app,
        options,
        async () => (await import('./commands/deploy.ts')).deploy,
      ),
  )
  on(
    verb('plan', 'show what deploy would change, and what was changed by hand').option(
      '--full',
      SHOW_ALL,
      false,
    ),
    async (app, options: PlanOptions) => (await import('./commands/plan.ts')).plan(app, options),
  )
  on(
    verb('rollback', 'go back to the release that was proven before, or to another proven one')
      .option('--to <release>', 'the release to go to; see "releases"')
      .option('--node <name>', 'this node only')
      .option('--full', SHOW_ALL, false),
    async (app, options: RollbackOptions) =>
      (await import('./on-site.ts')).onSite(
        app,
        options,
        async () => (await import('./commands/rollback.ts')).rollback,
      ),
  )
  on(verb('releases', 'list the releases that nodes hold, and which were proven'), async (app) =>
    (await import('./commands/releases.ts')).releases(app),
  )
  on(
    verb('down', 'stop the nodes on this machine; their data stays').argument(
      '[node]',
      'this node only',
    ),
    async (app, node: string | undefined) => (await import('./commands/down.ts')).down(app, node),
  )
  on(
    verb('teardown', 'remove a node from its host; its data stay unless they are purged')
      .argument('<node>', 'the node to remove')
      .option('--purge-data', 'remove its data, too; the node’s name has to be typed', false)
      .option('--confirm <node>', 'the node’s name, where nobody can type it'),
    async (app, node: string, options: TeardownOptions) =>
      (await import('./commands/teardown.ts')).teardown(app, node, options),
  )
  on(verb('unlock', 'show who works on the lattice, and take the lock away'), async (app) =>
    (await import('./commands/unlock.ts')).unlock(app),
  )
}

function describeWatching(verb: Verb, on: On): void {
  on(
    verb(
      'verify-triangle',
      'prove that the nodes are who they should be and hold the same data',
    ).option('--full', 'read all of every node’s log, however long', false),
    async (app, options: { full: boolean }) =>
      (await import('./commands/verify-triangle.ts')).verify(app, options),
  )
  on(
    verb('failover-drill', 'break one thing on purpose under load, measure, undo it')
      .addOption(
        new Option('--fault <kind>', 'what to break; default: each in turn').choices([
          'p2p-stop',
          'kill',
        ]),
      )
      .option('--node <name>', 'where to break it')
      .option('--report <file>', 'write the report as Markdown, too')
      .option('--writes-per-second <n>', 'writes to each node', wholeNumber(1, 100)),
    async (app, options: DrillOptions) =>
      (await import('./commands/failover-drill.ts')).failoverDrill(app, options),
  )
  on(
    verb(
      'doctor',
      'look at hosts, names, certificates and ports before anything is changed',
    ).argument('[node]', 'this node only'),
    async (app, node: string | undefined) =>
      (await import('./commands/doctor.ts')).doctor(app, node),
  )
  on(verb('status', 'show the nodes and the state of the network'), async (app) =>
    (await import('./commands/status.ts')).status(app),
  )
  on(
    verb('logs', 'show the nodes’ logs')
      .argument('[node]', 'this node only')
      .option('--lines <n>', 'lines from the end', wholeNumber(0, 10_000), 50)
      .option('--follow', 'go on with new lines', false),
    async (app, node: string | undefined, options: LogsOptions) =>
      (await import('./commands/logs.ts')).logs(app, node, options),
  )
  on(
    verb('submit', 'write an intent to the lattice')
      .argument('<intent>', 'such as "intent transfer { from: Alice, to: Bob, amount: 100 }"')
      .option('--node <name>', 'where to write it; default: the first node that is ready')
      .option('--wait <level>', 'local, replicated:N (on N nodes) or final', waitLevel),
    async (app, intent: string, options: SubmitOptions) =>
      (await import('./commands/submit.ts')).submit(app, intent, options),
  )
}

function describeKeeping(verb: Verb, on: On): void {
  on(
    verb('backup', 'write all entries of the lattice to a file, and prove it')
      .argument('[node]', 'where to read them; default: the first node that is ready')
      .requiredOption('--out <file>', 'the file to write; one that is there is never overwritten'),
    async (app, node: string | undefined, options: { out: string }) =>
      (await import('./commands/backup.ts')).backup(app, node, options),
  )
  on(
    verb('restore', 'bring a backup’s entries to a running node, and prove that they are there')
      .argument('[node]', 'where to bring them; default: the first node that is ready')
      .requiredOption('--from <file>', 'the file that "backup" wrote'),
    async (app, node: string | undefined, options: { from: string }) =>
      (await import('./commands/restore.ts')).restore(app, node, options),
  )
  on(
    verb(
      'repair',
      'begin a node’s damaged store anew, fill it from the others, and prove it',
    ).argument('<node>', 'whose store is damaged'),
    async (app, node: string) => (await import('./commands/repair.ts')).repair(app, node),
  )
  on(
    verb('retire', 'end the log of a directory that a node has lost, so that no old copy can write')
      .argument('<node>', 'who lost it')
      .argument(
        '[incarnation]',
        'of the directory, 16 hex digits; without it, lists what there is',
      ),
    async (app, node: string, incarnation: string | undefined) =>
      (await import('./commands/retire.ts')).retire(app, node, incarnation),
  )
}

function describeFiles(verb: Verb, on: On): void {
  on(verb('init', 'write a commented nodes.yaml, if there is none'), async (app) =>
    (await import('./commands/init.ts')).init(app),
  )
  on(verb('keys', 'make the nodes’ keys and the operator’s token, where missing'), async (app) =>
    (await import('./commands/keys.ts')).keys(app),
  )
  on(
    verb('trust', 'show the SSH host keys that servers present, and keep those that are theirs')
      .argument('[node]', 'this node only')
      .option('--fingerprint <fingerprint>', 'of the key that you expect: SHA256:…')
      .option('--replace', 'let go of a key that the host has no more', false),
    async (app, node: string | undefined, options: TrustOptions) =>
      (await import('./commands/trust.ts')).trust(app, node, options),
  )
  on(
    verb('render', 'write the files that each node would be given, to look at').requiredOption(
      '--out <dir>',
      'the folder to write to',
    ),
    async (app, options: { out: string }) =>
      (await import('./commands/render.ts')).render(app, options),
  )
  on(verb('schema', 'print the JSON Schema of nodes.yaml, for editors'), async (app) =>
    (await import('./commands/schema.ts')).schema(app),
  )
}

const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`)
    }
    return number
  }

function waitLevel(text: string): string {
  if (!/^(?:local|final|replicated:[1-9]\d?)$/.test(text)) {
    throw new InvalidArgumentError('Write local, replicated:2 (or another number) or final.')
  }
  return text
}
