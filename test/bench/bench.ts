import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figureOf, interleaved, timed, type Figure } from './measure.ts'

/**
 * Measures the CLI and a local lattice. Figures are only comparable within one run: each row names the
 * floor that was measured beside it, where there is one. Not a test: nothing here fails for being slow.
 */

const ROOT = join(import.meta.dirname, '../..')
const CLI = join(ROOT, 'bin/aethel-lattice.js')
const ROUNDS = 7
const IDLE_MS = 15_000
const WRITES = 200
/** Clock ticks per second in /proc; fixed by the kernel's interface to programs. */
const TICKS_PER_S = 100

interface Row {
  id: string
  unit: string
  ours: Figure
  floor: Figure | null
  floorIs: string
}

const { values: options } = parseArgs({ options: { json: { type: 'string' } } })

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'aethel-bench-'))
  const file = join(directory, 'nodes.yaml')
  writeFileSync(file, withOwnPorts(readFileSync(join(ROOT, 'nodes.yaml'), 'utf8')))
  const cli = (...args: string[]) =>
    timed(process.execPath, [CLI, ...args, '--file', file, '--phase', 'local'], ROOT)
  try {
    const rows = await measure(cli)
    for (const row of rows) process.stdout.write(`${format(row)}\n`)
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(report(rows), null, 2)}\n`)
  } finally {
    cli('down')
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(cli: (...args: string[]) => { ms: number; stdout: string }): Promise<Row[]> {
  const start = await interleaved(
    {
      help: () => timed(process.execPath, [CLI, '--help'], ROOT).ms,
      bare: () => timed(process.execPath, ['-e', '0'], ROOT).ms,
    },
    ROUNDS * 2,
  )
  const first = cli('deploy', '--yes', '--json').ms
  const operations = await interleaved(
    {
      verify: () => cli('verify-triangle', '--json').ms,
      noop: () => cli('deploy', '--yes', '--json').ms,
    },
    ROUNDS,
  )
  const { nodes } = JSON.parse(cli('status', '--json').stdout) as {
    nodes: { url: string; pid: number }[]
  }
  const writes = await writeLatencies(nodes.map((node) => node.url))
  const idle = await idleOf(nodes.map((node) => node.pid))
  const alone = (id: string, unit: string, ours: Figure): Row => ({
    id,
    unit,
    ours,
    floor: null,
    floorIs: '',
  })
  return [
    { id: 'cli --help', unit: 'ms', ours: start.help, floor: start.bare, floorIs: 'node -e 0' },
    alone('first local deploy, verified', 'ms', figureOf([first])),
    alone('verify-triangle, healthy local lattice', 'ms', operations.verify),
    alone('deploy that changes nothing, verified', 'ms', operations.noop),
    alone('POST /api/verify, one at a time', 'ms', writes),
    alone('node RSS, idle', 'MB', idle.rssMb),
    alone('node CPU, idle', '% of a core', idle.cpuPercent),
  ]
}

/** Milliseconds of single transfers, node by node. */
async function writeLatencies(urls: readonly string[]): Promise<Figure> {
  const latencies: number[] = []
  for (let count = 0; count < WRITES; count++) {
    const startedMs = performance.now()
    const answer = await fetch(`${urls[count % urls.length]}/api/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: 'intent transfer { from: Alice, to: Bob, amount: 1 }' }),
    })
    const { success } = (await answer.json()) as { success: boolean }
    if (!success) throw new Error('a transfer was refused')
    latencies.push(performance.now() - startedMs)
  }
  return figureOf(latencies)
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
  const rss = pids.map(
    (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000,
  )
  return {
    rssMb: figureOf(rss),
    cpuPercent: figureOf(spent.map((count) => (count / TICKS_PER_S / (IDLE_MS / 1000)) * 100)),
  }
}

/** The lattice of this repository on ports of its own, so that a running one is left alone. */
const withOwnPorts = (yaml: string): string =>
  yaml.replace(/^( {2}http_port:) \d+$/m, '$1 17710').replace(/^( {2}p2p_port:) \d+$/m, '$1 19710')

function format({ id, unit, ours, floor, floorIs }: Row): string {
  const range = (figure: Figure): string =>
    `${figure.median.toFixed(1)} (${figure.min.toFixed(1)} to ${figure.max.toFixed(1)}, n=${figure.n})`
  const beside =
    floor === null
      ? ''
      : `; ${floorIs}: ${range(floor)}; ratio ${(ours.median / floor.median).toFixed(2)}`
  return `${id}: ${range(ours)} ${unit}${beside}`
}

function report(rows: readonly Row[]): object {
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memory_gb: Math.round(totalmem() / 1e9),
      node: process.version,
    },
    rows: rows.map(({ id, unit, ours, floor }) => ({
      id,
      unit,
      ours: ours.median,
      floor: floor?.median ?? null,
      peer: null,
      ratio_to_floor: floor === null ? null : ours.median / floor.median,
      ratio_to_peer: null,
      n: ours.n,
      min: ours.min,
      max: ours.max,
    })),
  }
}

await main()
