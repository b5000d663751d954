import { noToken, notAsked, type Look, type Reached } from './answers.ts'
import { edgesOf, type Edge } from './checks/edges.ts'
import { CANARY_MS_MAX, PROBES_AT_ONCE } from './limits.ts'
import type { Answer, CanaryArrival, CanaryObservation, ProbeObservation } from './observation.ts'

/** Every directed edge, dialled by the nodes themselves; each node has few to do at once. */
export async function observeProbes(look: Look): Promise<ProbeObservation[]> {
  const edges = edgesOf(look.lattice)
  const probes = await Promise.all(
    look.names.map(async (from) => {
      const queue = edges.filter((edge) => edge.from === from)
      const done: ProbeObservation[] = []
      const work = async (): Promise<void> => {
        for (let edge = queue.shift(); edge !== undefined; edge = queue.shift()) {
          done.push(await observeProbe(look, edge))
        }
      }
      await Promise.all(Array.from({ length: PROBES_AT_ONCE }, work))
      return done
    }),
  )
  return probes.flat()
}

async function observeProbe({ questioner, reached }: Look, edge: Edge): Promise<ProbeObservation> {
  const client = reached.get(edge.from)?.client
  if (client === undefined) {
    return { ...edge, answer: notAsked(edge.from, 'it did not show who it is') }
  }
  if (!client.hasToken) return { ...edge, answer: noToken(edge.from, 'a probe') }
  const answer = await questioner.ask(edge.from, async (signal) =>
    client.probe(edge.to, edge.transport, signal),
  )
  return { ...edge, answer }
}

/** A signed no-op through every node, all at once, and when each other node holds it. */
export async function observeCanaries(look: Look): Promise<CanaryObservation[]> {
  return Promise.all(look.names.map(async (name) => observeCanary(look, name, CANARY_MS_MAX)))
}

/** Where an entry may be written and looked for. */
export interface CanaryGround extends Omit<Look, 'reached'> {
  reached: ReadonlyMap<string, Pick<Reached, 'client'>>
}

/** A signed no-op through one node, and when each other node holds it. */
export async function observeCanary(
  { questioner, clock, lattice, names, reached }: CanaryGround,
  from: string,
  timeMsMax: number,
): Promise<CanaryObservation> {
  const others = names.filter((name) => name !== from)
  const client = reached.get(from)?.client
  const sentMs = clock.monotonicMs()
  const sent =
    client === undefined
      ? notAsked(from, 'it did not show who it is')
      : lattice.submit === 'token' && !client.hasToken
        ? noToken(from, 'an entry')
        : await questioner.ask(from, async (signal) => client.canary(signal))

  const arrivals = await Promise.all(
    others.map(async (at): Promise<{ at: string; answer: Answer<CanaryArrival> }> => {
      const receiver = reached.get(at)?.client
      if (receiver === undefined) return { at, answer: notAsked(at, 'it did not show who it is') }
      if (!sent.ok) return { at, answer: notAsked(at, `no entry was written through ${from}`) }
      const { author, seq } = sent.value
      const answer = await questioner.ask(at, async (signal) => {
        const wait = { wait: 'local', timeoutMs: timeMsMax } as const
        const { receipt } = await receiver.receipt(author, seq, wait, signal)
        return { receipt, sinceSentMs: clock.monotonicMs() - sentMs }
      })
      return { at, answer }
    }),
  )
  return { from, sent, arrivals }
}
