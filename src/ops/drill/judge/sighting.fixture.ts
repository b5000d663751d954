import type { SyncMode } from '../../../wire/protocol.ts'
import type { Link, NodeView, Sighting } from './sighting.ts'

/** For tests: a link that is as well as its transport says, heard of just now. */
export const linkOf = (transport: SyncMode, agoMs = 0): Link => ({
  transport,
  p2p: {
    state: transport === 'P2P' ? 'alive' : 'dead',
    heardAgoMs: transport === 'P2P' ? agoMs : null,
  },
  http: {
    state: transport === 'HTTP' ? 'ok' : 'idle',
    okAgoMs: transport === 'HTTP' ? agoMs : null,
  },
})

/** For tests: an answer that came at once, of a node that is well but for what is given; null: no answer. */
export function sightingOf(
  node: string,
  atMs: number,
  view: (Partial<NodeView> & { transports?: Readonly<Record<string, SyncMode>> }) | null,
): Sighting {
  if (view === null) return { node, askedMs: atMs, atMs, view }
  const { transports = {}, ...given } = view
  const links = new Map(
    Object.entries(transports).map(([name, transport]) => [name, linkOf(transport)]),
  )
  return {
    node,
    askedMs: atMs,
    atMs,
    view: {
      instance: 'first',
      uptimeMs: 1000,
      isDiverged: false,
      isStoring: true,
      hasFault: false,
      frontier: {},
      links,
      ...given,
    },
  }
}
