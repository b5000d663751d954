import { Pool } from 'undici'
import { act, sharedMs } from '../actor.ts'
import { paced, sleepUntil } from '../pace.ts'

/**
 * An actor: clients that submit at a steady rate, however long the answers take. They parse no more than
 * they need and leave little garbage: what a measurer waits for its own collector would be told as ours.
 */
const CONNECTIONS = 32
const TRANSFER = JSON.stringify({ code: 'intent transfer { from: Alice, to: Bob, amount: 1 }' })

const WAIT_MS = 30_000
/** A reader asks for an entry this long before it is written, so that only its arrival is timed. */
const AHEAD_MS = 100

let pools: Pool[] = []

act({
  open({ urls }: { urls: string[] }) {
    pools = urls.map((url) => new Pool(url, { connections: CONNECTIONS }))
  },
  /** Milliseconds from when each request was due until its answer was read; and how many were refused. */
  async load({ perSecond, seconds }: { perSecond: number; seconds: number }) {
    const latenciesMs: number[] = []
    let refused = 0
    await paced(perSecond * seconds, perSecond, async (dueMs, index) => {
      if (!(await isProved(pools[index % pools.length]))) refused += 1
      latenciesMs.push(sharedMs() - dueMs)
    })
    return { latenciesMs, refused }
  },
  /**
   * Writes at the first node, and asks the second for each entry before it is written. Milliseconds from
   * when a write was due until the answer said that the entry is held there.
   */
  async propagate({ writes, perSecond }: { writes: number; perSecond: number }) {
    const [writer, reader] = pools
    if (writer === undefined || reader === undefined) throw new Error('two nodes are needed')
    const last = await written(writer)
    const dueMs = new Map<number, number>()
    const seen = await paced(writes, perSecond, async (askedMs, index) => {
      const seq = last.seq + 1 + index
      const held = heldAt(reader, last.author, seq)
      await sleepUntil(askedMs + AHEAD_MS)
      // Two writes at once may take each other's place; the answer says which is which.
      dueMs.set((await written(writer)).seq, askedMs + AHEAD_MS)
      return { seq, heldMs: await held }
    })
    return seen.map(({ seq, heldMs }) => heldMs - (dueMs.get(seq) ?? Number.NaN))
  },
})

async function isProved(pool: Pool | undefined): Promise<boolean> {
  if (pool === undefined) return false
  try {
    return (await submit(pool)).success
  } catch {
    return false
  }
}

interface Submitted {
  success: boolean
  intents: { receipt: { author: string; seq: number } | null }[]
}

async function submit(pool: Pool): Promise<Submitted> {
  const { body } = await pool.request({
    path: '/api/verify',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: TRANSFER,
  })
  return (await body.json()) as Submitted
}

async function written(pool: Pool): Promise<{ author: string; seq: number }> {
  const receipt = (await submit(pool)).intents[0]?.receipt
  if (receipt === null || receipt === undefined) throw new Error('a transfer was refused')
  return receipt
}

/** When a node held this entry, on the shared clock. */
async function heldAt(pool: Pool, author: string, seq: number): Promise<number> {
  for (;;) {
    const path = `/api/lattice/receipts/${author}/${seq}?wait=local&timeout_ms=${WAIT_MS}`
    const { body, statusCode } = await pool.request({ path, method: 'GET' })
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode}`)
    if (((await body.json()) as { reached: boolean }).reached) return sharedMs()
  }
}
