import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import type { eventsAnswer, networkAnswer } from '../../wire/api.ts'
import { EVENTS_PER_ANSWER_MAX } from '../../wire/limits.ts'
import { paths } from '../../wire/protocol.ts'
import { networkVerdict } from '../../wire/verdict.ts'
import type { NodeService } from '../service.ts'
import type { ApiContext } from './context.ts'
import { EVENTS_DEFAULT } from './limits.ts'
import { metricsOf } from './metrics.ts'
import { evidenceOf } from './network.ts'
import { parseInput, wholeNumber } from './refusal.ts'

const eventsQuery = z.object({
  since: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  limit: wholeNumber(1, EVENTS_PER_ANSWER_MAX).default(EVENTS_DEFAULT),
  last: wholeNumber(1, EVENTS_PER_ANSWER_MAX).optional(),
})

/** How the node is: for supervisors, monitors, the CLI and the page. */
export function healthRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service } = context

  // The process alone: a supervisor restarts what fails here, and a restart mends no peer.
  app.get(paths.livez, async () => ({ success: true, status: 'alive' }))

  app.get(paths.readyz, async (_request, reply) => {
    const reasons = unreadyReasons(service)
    return reply.code(reasons.length === 0 ? 200 : 503).send({
      success: reasons.length === 0,
      status: reasons.length === 0 ? 'ready' : 'not ready',
      reasons,
    })
  })

  app.get(paths.health, async (_request, reply) => {
    const health = service.health()
    return reply.code(health.overall === 'unhealthy' ? 503 : 200).send(health)
  })

  app.get(paths.network, async (): Promise<z.infer<typeof networkAnswer>> => {
    const { nodeName, members } = service.settings
    const names = members.map((member) => member.name)
    const evidence = evidenceOf(service.health(), service.refusalReason === null)
    return {
      success: true,
      ...networkVerdict(names, evidence),
      served_by: nodeName,
      basis: `${nodeName} and its own links; links between other nodes are not seen from here`,
    }
  })

  app.get(paths.events, async (request): Promise<z.infer<typeof eventsAnswer>> => {
    const hint = `since=<seq>, limit=1 to ${EVENTS_PER_ANSWER_MAX}; or last=1 to ${EVENTS_PER_ANSWER_MAX}`
    const { since, limit, last } = parseInput(eventsQuery, request.query, hint)
    const found = last === undefined ? service.events(since, limit) : service.events(null, last)
    return { success: true, ...found }
  })

  const metrics = metricsOf(service)
  app.addHook('onResponse', async (request, reply) => metrics.observe(request, reply))
  app.get(paths.metrics, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}

/**
 * Ready: the store is verified, and a configured transport runs. Whether peers answer is no part of
 * it, or the last node standing would count as down.
 */
function unreadyReasons(service: NodeService): string[] {
  const { p2p, http_sync, persistence } = service.health().components
  const { isStarted } = service.p2pStatus()
  const reasons: string[] = []
  if (service.refusalReason !== null) reasons.push(service.refusalReason)
  else if (persistence.status === 'fail') reasons.push(`store: ${persistence.message}`)
  const isSyncing = http_sync.status !== 'off' || (p2p.status !== 'off' && isStarted)
  const isAlone = service.settings.members.length === 1
  if (!isSyncing && !isAlone) {
    reasons.push(`no transport runs; p2p: ${p2p.message}; http: ${http_sync.message}`)
  }
  return reasons
}
