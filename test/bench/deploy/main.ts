import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { upTestLab } from '../../lab/test-lab.ts'
import { formatRow, markdown, report, type Row } from '../report.ts'
import { installPeer } from '../peer.ts'
import { deployRows } from './rows.ts'

/**
 * Measures deployments to two hosts of the lab: ours, and beside it the bare floor (rsync and ssh) and
 * its peers, in one run. Not a test: nothing here fails for being slow.
 */
const USAGE = `npm run bench:deploy -- [--quick] [--json FILE] [--markdown FILE]

  Needs what the lab needs (test/lab), and: apt-get install ansible rsync git

  --quick      one first deploy and one round, instead of three, at each distance
  --json       write the report there too
  --markdown   write a table of it there too
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(USAGE)
  for (const [program, ...args] of [
    ['ansible-playbook', '--version'],
    ['rsync', '--version'],
    ['git', '--version'],
  ] as const) {
    if (spawnSync(program, args).status === 0) continue
    throw new Error(`${program} is missing: apt-get install ansible rsync git`)
  }
  installPeer('shipit')
  const directory = mkdtempSync(join(tmpdir(), 'aethel-bench-deploy-'))
  // What Ansible and rsync need on a host; ours needs neither.
  const lab = await upTestLab({ packages: ['python3', 'rsync'] })
  const rows: Row[] = []
  const unmeasured: string[] = []
  try {
    for (const rttMs of [0, 40]) {
      const rounds = options.quick ? 1 : 3
      try {
        for (const row of await deployRows({ lab, directory, rttMs, rounds })) {
          rows.push(row)
          process.stdout.write(`${formatRow(row)}\n`)
        }
      } catch (error) {
        unmeasured.push(`${rttMs} ms`)
        process.stderr.write(`${rttMs} ms: ${String((error as Error).stack)}\n`)
      }
    }
  } finally {
    await lab.down()
    rmSync(directory, { recursive: true, force: true })
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify(report(rows), null, 2)}\n`)
  if (options.markdown !== undefined)
    writeFileSync(options.markdown, markdown(rows, 'npm run bench:deploy'))
  if (unmeasured.length > 0) throw new Error(`not measured: ${unmeasured.join(', ')}`)
}

await main()
