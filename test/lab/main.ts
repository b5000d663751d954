import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Command, InvalidArgumentError } from 'commander'
import { OperatorError } from '../../src/ops/errors.ts'
import { describe, Lab } from './lab.ts'
import { HOSTS_MAX } from './limits.ts'
import { placeOf } from './place.ts'
import { tracesOf } from './traces.ts'

/** `npm run lab -- up|down|status|reset|exec|reboot|power-off|boot [--dir DIR]`. */
const DIRECTORY = '.lattice/lab'
const EXIT_INTERRUPTED = 130

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const program = new Command('lab')
  .description('Real Debian hosts on this machine: systemd, sshd, nftables. Needs root.')
  .showHelpAfterError()

const command = (nameAndArguments: string, description: string): Command =>
  program
    .command(nameAndArguments)
    .description(description)
    .option(
      '--dir <directory>',
      'where the lab lies; each directory is a lab of its own',
      DIRECTORY,
    )

command('up', 'make a lab and boot its hosts')
  .option('--hosts <count>', `how many, 1 to ${HOSTS_MAX}`, hostCount, 2)
  .option('--packages <names>', 'Debian packages more, separated by commas', list, [])
  .action(async (options: { dir: string; hosts: number; packages: string[] }) => {
    const startedMs = performance.now()
    const lab = await Lab.up({
      directory: options.dir,
      hostCount: options.hosts,
      packages: options.packages,
      say,
    })
    say(`up in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
    say(nextSteps(lab, options.dir))
  })

command('down', 'take everything of the lab away, and make sure').action(
  async ({ dir }: { dir: string }) => {
    await Lab.down(dir)
    say('nothing of the lab is left')
  },
)

command('status', 'how the hosts are').action(async ({ dir }: { dir: string }) => {
  const lab = await Lab.open(dir)
  const states = await Promise.all(
    lab.hosts.map(async (host) => {
      const state = (await host.isOn())
        ? (await host.attempt(['systemctl', 'is-system-running'])).stdout.trim()
        : 'off'
      return `${host.name}  ${host.address}  ${host.user}  ${state}`
    }),
  )
  say([...states, ...(await tracesOf(placeOf(dir))).map((trace) => `  ${trace}`)].join('\n'))
})

onHost('reset', 'a new machine of the same name, address and host keys', (host) => host.reset())
onHost('reboot', 'restart it in order', (host) => host.reboot())
onHost('boot', 'switch it on', (host) => host.boot())
onHost('power-off', 'pull its plug: what was not synced is lost', (host) => host.powerOff())
onHost('shut-down', 'switch it off in order', (host) => host.shutDown())

command(
  'exec <host> [command...]',
  'run a command as root in the host; a shell without one',
).action(async (name: string, argv: string[], { dir }: { dir: string }) => {
  const host = (await Lab.open(dir)).host(name)
  const [file = '', ...rest] = await host.entrance()
  const args = [...rest, ...(argv.length === 0 ? ['bash', '-l'] : argv)]
  const child = spawn(file, args, { stdio: 'inherit' })
  const [code, signal]: (number | string | null)[] = await once(child, 'exit')
  process.exitCode = signal === null && typeof code === 'number' ? code : EXIT_INTERRUPTED
})

function onHost(
  verb: string,
  description: string,
  act: (host: Lab['hosts'][number]) => Promise<string[] | void>,
): void {
  command(`${verb} <host>`, description).action(async (name: string, { dir }: { dir: string }) => {
    const host = (await Lab.open(dir)).host(name)
    const failedUnits = await act(host)
    say(`${name}: ${failedUnits === undefined ? 'off' : describe(failedUnits)}`)
  })
}

function nextSteps({ files, hosts }: Lab, directory: string): string {
  const at = directory === DIRECTORY ? '' : ` --dir ${directory}`
  const first = hosts[0]?.name ?? ''
  const steps = [
    ['log in', `ssh -F ${files.sshConfig} ${first}`],
    ['a shell without network', `npm run lab -- exec${at} ${first} -- CMD`],
    [
      'what a deployment plans',
      `HOME=${files.home} node bin/aethel-lattice.js plan --file ${files.inventory}`,
    ],
    ['pull a plug', `npm run lab -- power-off${at} ${first}`],
    ['take it down', `npm run lab -- down${at}`],
  ]
  return ['Try next:', ...steps.map(([what = '', how]) => `  ${what.padEnd(24)} ${how}`)].join('\n')
}

function hostCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= HOSTS_MAX) return count
  throw new InvalidArgumentError(`a number from 1 to ${HOSTS_MAX}`)
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '')
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof OperatorError)) throw error
  process.stderr.write(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}\n`)
  process.exitCode = 1
}
