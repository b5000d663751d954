import { setTimeout as sleep } from 'node:timers/promises'
import { inclusionAnswer } from '../../src/wire/ledger-api.ts'
import { provenInclusion } from '../../src/wire/proofs.ts'
import { paths } from '../../src/wire/protocol.ts'
import { verifySignature } from '../../src/wire/signature.ts'
import { sharedMs } from './actor.ts'
import { figureOf, memoryOf, percentile, type Figure } from './measure.ts'
import { BenchLattice, startPatiently } from './nodes.ts'
import { atMost, type Row, type Target } from './report.ts'
import { newDirectory, type Setting } from './setting.ts'

const ENTRIES = 1_000_000
const QUICK_ENTRIES = 100_000
const STARTS = 3
const PROOFS = 200
/** After it is ready, before its memory is read: garbage of the start goes. */
const SETTLE_MS = 5000

/** A node with a long log: how soon it is ready, what it takes, what a proof costs. */
export async function millionRows(setting: Setting): Promise<Row[]> {
  const count = setting.isQuick ? QUICK_ENTRIES : ENTRIES
  const name = setting.isQuick ? 'hundred-thousand' : 'million'
  const lattice = await BenchLattice.layOut(newDirectory(setting, 'ours'), setting.links, {
    nodeCount: 3,
    rttMs: null,
    isP2p: true,
  })
  const node = lattice.node(0)
  const { author } = await lattice.build(0, count)
  const startsMs: number[] = []
  const memories: ReturnType<typeof memoryOf>[] = []
  let proofsMs: number[] = []
  try {
    for (let round = 0; round < STARTS; round++) {
      startsMs.push(await startPatiently(node))
      await sleep(SETTLE_MS)
      memories.push(memoryOf(node.pid))
      if (round === 0) proofsMs = await proofTimes(node.url, author, count)
      await node.end('SIGTERM')
    }
  } finally {
    await lattice.stop()
  }
  // What is wanted is wanted of a million entries.
  const wanted = (what: string, figure: Figure, limit: number): Target[] =>
    setting.isQuick ? [] : [atMost(what, figure.median, limit)]
  const [start, rss, proof] = [
    figureOf(startsMs),
    figureOf(memories.map((one) => one.rssMb)),
    figureOf(proofsMs),
  ]
  return [
    {
      id: `${name}-start`,
      about: `process start to ready, ${count} entries`,
      unit: 'ms',
      ours: start,
      targets: wanted('ms', start, 3000),
    },
    {
      id: `${name}-rss`,
      about: `memory of a node, ${count} entries`,
      unit: 'MB',
      ours: rss,
      targets: wanted('MB', rss, 400),
      extra: { peak: Math.max(...memories.map((one) => one.peakMb)) },
    },
    {
      id: `${name}-proof`,
      about: `an inclusion proof over HTTP, ${count} entries`,
      unit: 'ms',
      ours: proof,
      targets: wanted('ms', proof, 5),
      extra: { p99: percentile(proofsMs, 99) },
    },
  ]
}

/** Proofs of entries all over the log, each asked for over HTTP and checked. */
async function proofTimes(url: string, author: string, count: number): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < PROOFS; index++) {
    const seq = Math.floor((index * count) / PROOFS)
    const askedMs = sharedMs()
    const answer = await fetch(`${url}${paths.inclusion}/${author}/${seq}`)
    const body: unknown = await answer.json()
    times.push(sharedMs() - askedMs)
    const proven = provenInclusion(inclusionAnswer.parse(body), verifySignature)
    if (!proven.ok) throw new Error(proven.problem)
  }
  return times
}
