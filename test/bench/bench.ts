import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { appendRows } from './append.ts'
import { catchUpRow } from './catch-up.ts'
import { differenceRows } from './differences.ts'
import { verifyRows } from './load.ts'
import { localRows } from './local.ts'
import { millionRows } from './million.ts'
import { Links } from './nodes.ts'
import { installPeer } from './peer.ts'
import { propagationRow } from './propagation.ts'
import { formatRow, markdown, report, type Row } from './report.ts'
import { peerNames, type Setting } from './setting.ts'

/**
 * Measures the lattice, and beside it its peers and the bare floor, in one run: figures of different runs
 * are not comparable. Not a test: nothing here fails for being slow.
 */
const USAGE = `npm run bench -- [--quick] [--only ID[,ID]] [--json FILE] [--markdown FILE]

  --quick      a few minutes: fewer rounds, smaller logs, no orbitdb
  --only       rows by id, or by its first words
  --json       write the report there too
  --markdown   write a table of it there too
`

/** What is measured together, and the rows that come of it. */
interface Measure {
  ids: readonly string[]
  hasPeers?: boolean
  run: (setting: Setting) => Promise<Row[]>
}

const measures: readonly Measure[] = [
  { ids: ['durable-append', 'durable-append-batched'], hasPeers: true, run: appendRows },
  {
    ids: ['propagation-p2p'],
    hasPeers: true,
    run: async (setting) => [await propagationRow(setting, 'P2P')],
  },
  { ids: ['propagation-http'], run: async (setting) => [await propagationRow(setting, 'HTTP')] },
  { ids: ['verify-latency', 'verify-rate'], run: verifyRows },
  {
    ids: ['catch-up-10000'],
    hasPeers: true,
    run: async (setting) => [await catchUpRow(setting, 10_000)],
  },
  {
    ids: ['catch-up-100000'],
    run: async (setting) => (setting.isQuick ? [] : [await catchUpRow(setting, 100_000)]),
  },
  {
    ids: ['differences-100-rtt-0', 'differences-100-rtt-50'],
    hasPeers: true,
    run: differenceRows,
  },
  {
    ids: ['cli-help', 'deploy-first', 'verify-triangle', 'deploy-noop', 'rss-idle', 'cpu-idle'],
    run: localRows,
  },
  {
    ids: ['start', 'rss', 'proof'].flatMap((what) => [
      `million-${what}`,
      `hundred-thousand-${what}`,
    ]),
    run: millionRows,
  },
]

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(USAGE)
  const wanted = options.only.split(',').filter((id) => id !== '')
  const isWanted = (id: string): boolean =>
    wanted.length === 0 || wanted.some((one) => id === one || id.startsWith(`${one}-`))
  const chosen = measures.filter(({ ids }) => ids.some(isWanted))
  const peers = chosen.some((measure) => measure.hasPeers === true)
    ? peerNames.filter((name) => !(options.quick && name === 'orbitdb'))
    : []
  for (const name of peers) installPeer(name)
  const directory = mkdtempSync(join(tmpdir(), 'aethel-bench-'))
  const links = new Links()
  const rows: Row[] = []
  const unmeasured: string[] = []
  try {
    for (const { ids, run } of chosen) {
      try {
        const measured = await run({ directory, links, isQuick: options.quick, peers })
        for (const row of measured.filter(({ id }) => isWanted(id))) {
          rows.push(row)
          process.stdout.write(`${formatRow(row)}\n`)
        }
      } catch (error) {
        unmeasured.push(...ids)
        process.stderr.write(`${ids.join(', ')}: ${String((error as Error).stack)}\n`)
      }
    }
  } finally {
    await links.end()
    rmSync(directory, { recursive: true, force: true })
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify(report(rows), null, 2)}\n`)
  if (options.markdown !== undefined)
    writeFileSync(options.markdown, markdown(rows, 'npm run bench'))
  if (unmeasured.length > 0) throw new Error(`not measured: ${unmeasured.join(', ')}`)
}

await main()
