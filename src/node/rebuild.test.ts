import { expect, it } from 'vitest'
import { authorOf, chainOf, makeLattice } from '../../test/simulation/members.ts'
import type { Frontier } from '../wire/frontier.ts'
import type { Engine } from './engine.ts'
import { rebuildFrom } from './rebuild.ts'
import type { CoreEvent } from './replica/contract.ts'
import type { Store } from './store/store.ts'

const lattice = makeLattice(2)
const entries = chainOf(
  lattice,
  1,
  Array.from({ length: 600 }, (_, index) => [index + 1, { kind: 'noop', note: '' }] as const),
)

it.each([0, 1, 256, 257, 600])(
  'hands over all of %i entries, in order, between a beginning and an end',
  async (count) => {
    const held: Frontier = new Map([[authorOf(lattice, 1), count]])
    const events: CoreEvent[] = []
    const engine = {
      core: { logs: { frontier: () => held } },
      push: (event: CoreEvent) => events.push(event),
      room: async () => undefined,
    } as unknown as Engine
    const store = {
      between: (from: Frontier, to: Frontier) => {
        expect([from.size, to]).toEqual([0, held])
        return entries.slice(0, count)
      },
    } as unknown as Store
    await rebuildFrom(store, null, engine)
    expect(events[0]).toEqual({ kind: 'rebuild-begin', snapshot: null, frontier: held })
    expect(events.at(-1)).toEqual({ kind: 'rebuild-end' })
    const handed = events.flatMap((event) =>
      event.kind === 'rebuild-entries' ? event.entries : [],
    )
    expect(handed).toEqual(entries.slice(0, count))
  },
)
