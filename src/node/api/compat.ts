import type { FastifyInstance } from 'fastify'
import type * as z from 'zod'
import type { integrityAnswer, p2pStatusAnswer } from '../../wire/api.ts'
import { paths } from '../../wire/protocol.ts'
import type { NodeService } from '../service.ts'
import type { ApiContext } from './context.ts'

/** Paths of the predecessor that no program of ours calls. */
const legacyPaths = {
  alive: '/health',
  status: '/api/status',
  nodes: '/api/lattice/nodes',
  identity: '/api/lattice/p2p/identity',
  root: '/api/persistence/merkle-root',
} as const

/** What the predecessor answered, field for field; each says what this node observed, or that it did not. */
export function compatRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service, limits, log } = context
  const { settings, identity } = service

  app.get(legacyPaths.alive, async (_request, reply) => {
    const isHealthy = service.health().overall !== 'unhealthy'
    return reply.code(isHealthy ? 200 : 503).send({ status: isHealthy ? 'healthy' : 'unhealthy' })
  })

  app.get(legacyPaths.status, async () => {
    const { isStarted, peerCount } = service.p2pStatus()
    const reason = service.refusalReason
    return {
      success: true,
      production: settings.submit === 'token',
      safe_mode: reason !== null,
      violations: reason === null ? [] : [reason],
      cors_origins: settings.corsOrigins,
      p2p: { enabled: settings.p2pEnabled, started: isStarted, peer_count: peerCount },
      submit: settings.submit,
    }
  })

  app.get(legacyPaths.nodes, async () => ({
    success: true,
    nodes: settings.httpPeers,
    count: settings.httpPeers.length,
    members: settings.members.map(({ name, peerId, url }) => ({ name, peer_id: peerId, url })),
  }))

  app.get(paths.p2pStatus, async (): Promise<z.infer<typeof p2pStatusAnswer>> => {
    const p2p = service.p2pStatus()
    const { sync, heartbeat } = service.health()
    return {
      success: true,
      enabled: settings.p2pEnabled,
      started: p2p.isStarted,
      libp2p_available: true,
      error: p2p.error,
      topic: settings.p2pTopic,
      listen_multiaddrs: p2p.listenMultiaddrs,
      bootstrap_peers: [...settings.p2pBootstrap],
      peer_count: p2p.peerCount,
      has_peers: p2p.peerCount > 0,
      http_sync_enabled: settings.httpPeers.length > 0 && sync.policy !== 'p2p',
      sync_mode: p2p.mode,
      heartbeat_active: heartbeat.active,
      message: `policy ${sync.policy}, active ${p2p.mode}: ${sync.reason}`,
    }
  })

  app.get(legacyPaths.identity, async () => ({
    success: true,
    peer_id: identity.peerId,
    listen_addrs: service.p2pStatus().listenMultiaddrs,
    name: identity.name,
  }))

  app.get(legacyPaths.root, async () => ({
    success: service.merkleRoot !== null,
    merkle_root: service.merkleRoot,
    total_accounts: service.balances().size,
    message: service.refusalReason ?? 'root over all entries that this node holds',
  }))

  const check = sharedCheck(context, limits.integrityReuseMs, (error) =>
    log.error({ err: error }, 'checking the store failed'),
  )
  app.get(paths.integrity, async () => {
    const { answer, checkedMs } = await check()
    return { ...answer, age_ms: Math.round(performance.now() - checkedMs) }
  })
}

type IntegrityAnswer = Omit<z.infer<typeof integrityAnswer>, 'age_ms'>
type Checked = { answer: IntegrityAnswer; checkedMs: number }

/** Reading the whole store is dear: callers share a run that is under way, and its result for a while. */
function sharedCheck(
  { service }: ApiContext,
  reuseMs: number,
  failed: (error: unknown) => void,
): () => Promise<Checked> {
  let running: Promise<Checked> | null = null
  let last: Checked | null = null
  const run = async (): Promise<Checked> => {
    try {
      last = { answer: await integrityOf(service, failed), checkedMs: performance.now() }
      return last
    } finally {
      running = null
    }
  }
  return async () => {
    if (last !== null && performance.now() - last.checkedMs < reuseMs) return last
    running ??= run()
    return running
  }
}

async function integrityOf(
  service: NodeService,
  failed: (error: unknown) => void,
): Promise<IntegrityAnswer> {
  try {
    const { isValid, entriesChecked, message } = await service.verifyStore()
    return {
      success: true,
      is_valid: isValid,
      status: isValid ? 'VALID' : 'CORRUPTED',
      merkle_root: service.merkleRoot,
      message,
      entries_checked: entriesChecked,
    }
  } catch (error) {
    failed(error)
    return {
      success: false,
      is_valid: false,
      status: 'ERROR',
      merkle_root: service.merkleRoot,
      message: 'the store could not be read; the node’s log says why',
      entries_checked: 0,
    }
  }
}

/** Every path by name, for `GET /`. */
export const allPaths: Readonly<Record<string, string>> = { ...paths, ...legacyPaths }
