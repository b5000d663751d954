import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { act, sharedMs } from '../actor.ts'

/** An actor: clients that submit at a steady rate, however long the answers take. */
const CONNECTIONS = 32
const TRANSFER = JSON.stringify({ code: 'intent transfer { from: Alice, to: Bob, amount: 1 }' })

let pools: Pool[] = []

act({
  open({ urls }: { urls: string[] }) {
    pools = urls.map((url) => new Pool(url, { connections: CONNECTIONS }))
  },
  /** Milliseconds from when each request was due until its answer was read; and how many were refused. */
  async load({ perSecond, seconds }: { perSecond: number; seconds: number }) {
    const latenciesMs: number[] = []
    let refused = 0
    const startMs = sharedMs()
    const requests = Array.from({ length: perSecond * seconds }, async (_, index) => {
      const dueMs = startMs + (index * 1000) / perSecond
      await sleep(Math.max(0, dueMs - sharedMs()))
      if (!(await isProved(pools[index % pools.length]))) refused += 1
      latenciesMs.push(sharedMs() - dueMs)
    })
    await Promise.all(requests)
    return { latenciesMs, refused }
  },
})

async function isProved(pool: Pool | undefined): Promise<boolean> {
  if (pool === undefined) return false
  try {
    const { body } = await pool.request({
      path: '/api/verify',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: TRANSFER,
    })
    return ((await body.json()) as { success: boolean }).success
  } catch {
    return false
  }
}
