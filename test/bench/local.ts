import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../free-ports.ts'
import { figureOf, interleaved, memoryOf, timed, type Figure } from './measure.ts'
import { atMost, type Row } from './report.ts'
import { newDirectory, type Setting } from './setting.ts'

const ROOT = join(import.meta.dirname, '../..')
const CLI = join(ROOT, 'bin/aethel-lattice.js')
const ROUNDS = 7
const QUICK_ROUNDS = 3
const IDLE_MS = 15_000
/** Clock ticks per second in /proc; fixed by the kernel's interface to programs. */
const TICKS_PER_S = 100
const NODES = 3

/** The CLI, and the local lattice that it deploys. */
export async function localRows(setting: Setting): Promise<Row[]> {
  const rounds = setting.isQuick ? QUICK_ROUNDS : ROUNDS
  const directory = newDirectory(setting, 'local')
  const file = join(directory, 'nodes.yaml')
  writeFileSync(file, await withOwnPorts(readFileSync(join(ROOT, 'nodes.yaml'), 'utf8')))
  const cli = (...args: string[]) =>
    timed(process.execPath, [CLI, ...args, '--file', file, '--phase', 'local'], ROOT)
  const help = await interleaved(
    {
      ours: () => timed(process.execPath, [CLI, '--help'], ROOT).ms,
      floor: () => timed(process.execPath, ['-e', '0'], ROOT).ms,
    },
    rounds * 2,
  )
  try {
    const first = figureOf([cli('deploy', '--yes', '--json').ms])
    const operations = await interleaved(
      {
        verify: () => cli('verify-triangle', '--json').ms,
        noop: () => cli('deploy', '--yes', '--json').ms,
      },
      rounds,
    )
    const { nodes } = JSON.parse(cli('status', '--json').stdout) as { nodes: { pid: number }[] }
    const idle = await idleOf(nodes.map((node) => node.pid))
    const row = (id: string, about: string, unit: string, ours: Figure): Row => ({
      id,
      about,
      unit,
      ours,
    })
    return [
      {
        ...row('cli-help', 'aethel-lattice --help; floor: node -e 0', 'ms', help.ours),
        floor: help.floor,
      },
      row('deploy-first', 'first local deploy, verified', 'ms', first),
      row('verify-triangle', 'healthy local lattice', 'ms', operations.verify),
      row('deploy-noop', 'deploy that changes nothing, verified', 'ms', operations.noop),
      row('rss-idle', 'a node of an idle lattice', 'MB', idle.rssMb),
      {
        ...row('cpu-idle', 'a node of an idle lattice', '% of a core', idle.cpuPercent),
        targets: [atMost('%', idle.cpuPercent.median, 3)],
      },
    ]
  } finally {
    cli('down')
  }
}

async function idleOf(pids: readonly number[]): Promise<{ rssMb: Figure; cpuPercent: Figure }> {
  const ticks = (): number[] =>
    pids.map((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return Number(fields[11]) + Number(fields[12])
    })
  const before = ticks()
  await sleep(IDLE_MS)
  const spent = ticks().map((after, index) => after - (before[index] ?? 0))
  return {
    rssMb: figureOf(pids.map((pid) => memoryOf(pid).rssMb)),
    cpuPercent: figureOf(spent.map((count) => (count / TICKS_PER_S / (IDLE_MS / 1000)) * 100)),
  }
}

/** The lattice of this repository on ports of its own, so that a running one is left alone. */
async function withOwnPorts(yaml: string): Promise<string> {
  const [http, p2p] = [await freePorts(NODES), await freePorts(NODES)]
  return yaml
    .replace(/^( {2}http_port:) \d+$/m, `$1 ${http}`)
    .replace(/^( {2}p2p_port:) \d+$/m, `$1 ${p2p}`)
}
