import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Failure } from './campaign.ts'
import { FAULTS_PER_HOUR_MAX, nodeCounts, type NodeCount, type Plan } from './plan.ts'
import { sights } from './sightings.ts'
import { newTally } from './tally.ts'
import type { Result, Share } from './worker.ts'

const USAGE = `npm run simulate -- [options]
  --seeds N      plans to run, one for each seed (default 1000)
  --seed S       the first seed (default 0)
  --hours H      hours of calm in each run, instead of seconds of storm
  --faults F     of those hours, what goes wrong in one at most (default ${FAULTS_PER_HOUR_MAX})
  --nodes 3|5|7  members of the lattice (default: storms of all, calms of 3)
  --workers W    processors to use (default: all)
  --out DIR      where plans that failed are written (default dist/simulation)
  --plan FILE    run this plan and nothing else
`
/** Failures after which it is clear that something is wrong. */
const FAILURES_MAX = 100
const PROGRESS_EVERY_MS = 2000
/** Of a worker, for what is short-lived: what steps leave behind is seldom looked through then. */
const YOUNG_MB = 64

const print = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '0' },
      hours: { type: 'string' },
      faults: { type: 'string', default: String(FAULTS_PER_HOUR_MAX) },
      nodes: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: 'dist/simulation' },
      plan: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return print(USAGE)
  if (values.plan !== undefined) return replay(values.plan)
  const firstSeed = wholeNumber('seed', values.seed)
  await campaign({
    firstSeed,
    endSeed: firstSeed + wholeNumber('seeds', values.seeds),
    nodes: values.nodes === undefined ? null : nodeCount(values.nodes),
    hours: values.hours === undefined ? null : positive('hours', values.hours),
    faultsPerHourMax: wholeNumber('faults', values.faults),
    workers: Math.max(1, wholeNumber('workers', values.workers)),
    out: values.out,
  })
}

async function replay(file: string): Promise<void> {
  // Only here: whoever starts workers has no need of a world of its own.
  const { simulate } = await import('./world.ts')
  const { violations, counts, simulatedMs } = await simulate(
    JSON.parse(readFileSync(file, 'utf8')) as Plan,
  )
  for (const sight of sights) if (counts[sight] > 0) print(`${counts[sight]} × ${sight}`)
  print(`${simulatedMs} ms simulated`)
  for (const violation of violations) print(violation)
  if (violations.length > 0) throw new Error(`${file} is violated`)
}

async function campaign(options: {
  firstSeed: number
  endSeed: number
  nodes: NodeCount | null
  hours: number | null
  faultsPerHourMax: number
  workers: number
  out: string
}): Promise<void> {
  const { firstSeed, endSeed, nodes, workers, out } = options
  const tally = newTally()
  const failures: Failure[] = []
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  let printedMs = startedMs
  const report = (): string => {
    const seconds = (performance.now() - startedMs) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    const hours = tally.simulatedMs / 3_600_000
    const perCpuSecond = (hours * 1_000_000) / (user + system)
    return (
      `${tally.runs} of ${endSeed - firstSeed} runs, ${failures.length} failed; ` +
      `${hours.toFixed(1)} simulated hours in ${seconds.toFixed(0)} s, ` +
      `${perCpuSecond.toFixed(2)} for each second of a processor`
    )
  }
  const take = ({ failure, counts, simulatedMs }: Result): boolean => {
    tally.runs += 1
    tally.simulatedMs += simulatedMs
    tally.sightings.add(counts)
    if (failure !== null) {
      failures.push(failure)
      tell(failure, out)
    }
    if (performance.now() - printedMs > PROGRESS_EVERY_MS) {
      printedMs = performance.now()
      print(report())
    }
    return failures.length < FAILURES_MAX
  }
  const shares = Array.from({ length: workers }, (_, index) => ({
    firstSeed: firstSeed + index,
    seedStep: workers,
    endSeed,
    nodes,
    hours: options.hours,
    faultsPerHourMax: options.faultsPerHourMax,
  }))
  await Promise.all(shares.map((share) => runShare(share, take)))
  for (const sight of sights) print(`${tally.sightings.counts[sight]} × ${sight}`)
  print(report())
  if (failures.length > 0) throw new Error(`${failures.length} plans failed; see ${out}`)
  const missing = tally.sightings.missing()
  // Hours of calm are not there to show everything.
  if (options.hours === null && missing.length > 0)
    throw new Error(`never happened, so nothing was shown about it: ${missing.join(', ')}`)
}

/** `take` returns false when it has had enough. */
function runShare(share: Share, take: (result: Result) => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: share,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  worker.on('message', (result: Result) => {
    if (!take(result)) void worker.terminate()
  })
  worker.on('error', reject)
  worker.on('exit', () => resolve())
  return promise
}

function tell({ seed, plan, violations }: Failure, out: string): void {
  mkdirSync(out, { recursive: true })
  const file = join(out, `seed-${seed}.json`)
  writeFileSync(file, `${JSON.stringify(plan, null, 1)}\n`)
  print(`seed ${seed} fails; again by --plan ${file}`)
  for (const violation of violations.slice(0, 5)) print(`  ${violation}`)
}

function nodeCount(text: string): NodeCount {
  const count = nodeCounts.find((one) => String(one) === text)
  if (count === undefined) throw new Error(`--nodes ${text}: ${nodeCounts.join(', ')} are possible`)
  return count
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} ${text}: not a whole number`)
  return Number(text)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`--${name} ${text}: not a number above 0`)
  return number
}

await main()
