import { writeFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runCampaign } from './campaign.ts'
import { format } from './report.ts'

/** `npm run chaos -- [--kills 200] [--seed S] [--json FILE]`: exit 0 PASS, 1 FAIL, 2 UNKNOWN, 64 usage. */
const EXIT = { PASS: 0, FAIL: 1, UNKNOWN: 2 } as const
const EXIT_USAGE = 64

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(randomInt(2 ** 32)) },
      json: { type: 'string' },
    },
  })
  const [kills, seed] = [Number(values.kills), Number(values.seed)]
  if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed) || seed < 0) {
    process.stderr.write('--kills takes a number from 1, --seed one from 0\n')
    return EXIT_USAGE
  }
  process.stdout.write(`seed ${seed}, ${kills} kills\n`)
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  process.once('SIGTERM', () => stopping.abort())
  const report = await runCampaign({
    kills,
    seed,
    signal: stopping.signal,
    onStrike: ({ kind, victims }, killsDone) => {
      const names = victims.map(({ node }) => `node${node + 1}`).join(' and ')
      process.stderr.write(`${killsDone} of ${kills}: ${kind} ${names}\n`)
    },
  })
  process.stdout.write(format(report))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  return EXIT[report.verdict]
}

process.exitCode = await main()
