import { pino } from 'pino'
import { DurableReplica } from '../../../src/node/durable-replica.ts'
import { systemClock } from '../../../src/node/engine.ts'
import { readNodeKey } from '../../../src/node/keys.ts'
import type { Intent } from '../../../src/wire/intent.ts'
import { latticeIdOf } from '../../../src/wire/lattice.ts'
import { parseSettings } from '../../../src/wire/settings.ts'
import { act, sharedMs } from '../actor.ts'

/** An actor: our durable replica (core, store and engine, without lungs or API), as the node makes it. */
const BUILD_BATCH = 1000
const INTENT: Intent = { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 1 }

let replica: DurableReplica

act({
  open({ environment }: { environment: Record<string, string> }) {
    const parsed = parseSettings(environment)
    if (!parsed.ok) throw new Error(parsed.problems.map((one) => one.message).join('; '))
    const { settings } = parsed
    replica = new DurableReplica({
      settings,
      key: readNodeKey(settings),
      lattice: latticeIdOf(settings.latticeName, settings.genesis),
      others: settings.members.filter((member) => member.name !== settings.nodeName),
      clock: systemClock,
      log: pino({ level: 'error' }),
      onOutput: () => undefined,
      onReopened: () => undefined,
    })
  },
  async append({ count, concurrency }: { count: number; concurrency: number }) {
    const startedMs = sharedMs()
    const writer = async (): Promise<void> => {
      for (let done = 0; done < count / concurrency; done++) await submit([INTENT])
    }
    await Promise.all(Array.from({ length: concurrency }, writer))
    return sharedMs() - startedMs
  },
  /** Many entries in few commits. */
  async build({ count }: { count: number }) {
    for (let done = 0; done < count; done += BUILD_BATCH)
      await submit(Array.from({ length: Math.min(BUILD_BATCH, count - done) }, () => INTENT))
  },
  author: () => replica.usable().core.author,
  /** Bytes of all entries and their signatures, as they stand in the store. */
  entryBytes() {
    let bytes = 0
    for (const [author, size] of replica.frontier)
      for (const entry of replica.store.entries(author, 0, size))
        bytes += entry.bytes.length + entry.signature.length
    return bytes
  },
  close: () => replica.close(),
})

async function submit(intents: readonly Intent[]): Promise<void> {
  const outcomes = await replica.submit(intents)
  const refused = outcomes.find((outcome) => !outcome.accepted)
  if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`)
}
