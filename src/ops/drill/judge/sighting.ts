import type { Health, PeerView } from '../../../wire/api.ts'
import type { AuthorId } from '../../../wire/author.ts'
import type { SyncMode } from '../../../wire/protocol.ts'

/**
 * One look at one node. `judge` owns what a drill's observations amount to; it is pure, and its times are
 * milliseconds of the drill's monotonic clock, given from outside.
 */
export interface Sighting {
  node: string
  /** When the question left and when the answer was here, or was given up. What is seen lies between. */
  askedMs: number
  atMs: number
  /** Null: no answer. */
  view: NodeView | null
}

/** What a drill wants of a node's health. */
export interface NodeView {
  /** Random id of the process. */
  instance: string
  uptimeMs: number
  isDiverged: boolean
  /** Whether the node can store what it accepts. */
  isStoring: boolean
  hasFault: boolean
  frontier: Readonly<Record<AuthorId, number>>
  /** By peer name. */
  links: ReadonlyMap<string, Link>
}

export interface Link {
  /** What serves the exchange with this peer. */
  transport: SyncMode
  p2p: { state: PeerView['p2p']['state']; heardAgoMs: number | null }
  http: { state: PeerView['http']['state']; okAgoMs: number | null }
}

/** What carries entries when nothing is broken. */
export type Lung = 'P2P' | 'HTTP'

export const viewOf = (health: Health): NodeView => ({
  instance: health.node.instance,
  uptimeMs: health.node.uptime_ms,
  isDiverged: health.diverged,
  isStoring: health.components.persistence.status !== 'fail',
  hasFault: health.fault !== null,
  frontier: health.ledger.frontier,
  links: new Map(
    health.peers.map(({ name, transport, p2p, http }) => [
      name,
      {
        transport,
        p2p: { state: p2p.state, heardAgoMs: p2p.heard_ago_ms },
        http: { state: http.state, okAgoMs: http.ok_ago_ms },
      },
    ]),
  ),
})

/** Whether this lung serves the exchange now, as the node itself sees it. */
export function isServedBy(lung: Lung, link: Link | undefined): boolean {
  if (link?.transport !== lung) return false
  return lung === 'P2P' ? link.p2p.state === 'alive' : link.http.state === 'ok'
}

/** The same, proven by something heard at or after `sinceMs`: an old belief is no recovery. */
export function isServedSince(
  lung: Lung,
  link: Link | undefined,
  sinceMs: number,
  seenMs: number,
): boolean {
  if (link === undefined || !isServedBy(lung, link)) return false
  const agoMs = lung === 'P2P' ? link.p2p.heardAgoMs : link.http.okAgoMs
  return agoMs !== null && seenMs - agoMs >= sinceMs
}

/** Whether every node serves every other one by this lung, by the latest look at each. */
export const isWhole = (
  lung: Lung,
  nodes: readonly string[],
  latest: ReadonlyMap<string, Sighting>,
): boolean =>
  nodes.every((node) => {
    const links = latest.get(node)?.view?.links
    return nodes.every((other) => other === node || isServedBy(lung, links?.get(other)))
  })
