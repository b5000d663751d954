import { NodeAnswerError } from '../../client/node-answer-error.ts'
import { fakeDesired } from '../../client/fakes/fake-lattice.ts'
import { defaultFaults } from '../fault-plan.ts'
import { runDrill, type DrillInput } from '../drill.ts'
import type { DrillReport } from '../judge/report.ts'
import type { DrillProgress } from '../rig.ts'
import { fakeClient, fakeTarget } from './fake-client.ts'
import { FakeLattice } from './fake-lattice.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A well lattice and a drill on it; tests turn the lattice's knobs or replace parts of the input. */
export function fakeDrill({ count = 3, isP2pEnabled = true } = {}): {
  lattice: FakeLattice
  clock: VirtualClock
  input: DrillInput
} {
  const clock = new VirtualClock()
  const lattice = new FakeLattice(clock, count, isP2pEnabled)
  const desired = fakeDesired(
    lattice.nodes.map(({ name }, index) => ({ name, url: `http://127.0.0.1:${8101 + index}` })),
    { isP2pEnabled },
  )
  const input: DrillInput = {
    lattice: desired,
    clients: lattice.nodes.map((node) => fakeClient(lattice, node)),
    targets: new Map(lattice.nodes.map((node) => [node.name, fakeTarget(lattice, node)])),
    faults: defaultFaults(desired),
    verify: async () => ({ verdict: 'PASS' }),
    lock: { signal: new AbortController().signal },
    options: { baselineMs: 1000, holdMs: 4000 },
    signal: new AbortController().signal,
    clock,
  }
  return { lattice, clock, input }
}

export type FakeDrill = ReturnType<typeof fakeDrill>

/** Runs a drill after `prepare` has turned knobs. */
export async function drill(
  prepare: (fake: FakeDrill) => Partial<DrillInput> | void = () => undefined,
  lattice: Parameters<typeof fakeDrill>[0] = {},
): Promise<{ report: DrillReport; lattice: FakeLattice }> {
  const fake = fakeDrill(lattice)
  const changes = prepare(fake)
  const report = await fake.clock.run(runDrill({ ...fake.input, ...changes }))
  return { report, lattice: fake.lattice }
}

/** One fault alone. */
export const only = (kind: 'p2p-stop' | 'kill', node: string): Pick<DrillInput, 'faults'> => ({
  faults: [{ kind, node }],
})

/** Acts when the drill comes to a phase, `afterMs` later. */
export const at =
  (fake: FakeDrill, phase: DrillProgress['phase'], afterMs: number, act: () => void) =>
  (progress: DrillProgress): void => {
    if (progress.phase === phase) fake.clock.after(afterMs, act)
  }

/** What a client throws of a node that does not answer. */
export const unreachable = (name: string): NodeAnswerError =>
  new NodeAnswerError({ name, url: `http://${name}` }, 'unreachable', 'does not answer')
