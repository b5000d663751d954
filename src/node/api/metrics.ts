import type { FastifyReply, FastifyRequest } from 'fastify'
import { Histogram, Registry } from 'prom-client'
import { paths } from '../../wire/protocol.ts'
import type { NodeService } from '../service.ts'
import { observedMetrics } from './metric-table.ts'

const PREFIX = 'aethel_lattice_'
const DURATION_BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

export interface Metrics {
  readonly contentType: string
  /** The node as it is now, in Prometheus' text format. */
  text(): Promise<string>
  observe(request: FastifyRequest, reply: FastifyReply): void
}

/** The node's metrics in a registry of their own: libp2p has prom-client's global one. */
export function metricsOf(service: NodeService): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const observed = observedMetrics.map(({ name, help, type: Type, labels = [], read }) => ({
    metric: new Type({ name: PREFIX + name, help, labelNames: labels, registers }),
    labels,
    read,
  }))
  const duration = new Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_S,
    registers,
  })

  let divergedSinceMs: number | null = null
  const divergedForS = (isDiverged: boolean): number => {
    divergedSinceMs = isDiverged ? (divergedSinceMs ?? performance.now()) : null
    return divergedSinceMs === null ? 0 : (performance.now() - divergedSinceMs) / 1000
  }

  return {
    contentType: registry.contentType,
    text: async () => {
      const health = service.health()
      const now = {
        health,
        counters: service.counters(),
        nowS: Date.now() / 1000,
        divergedForS: divergedForS(health.diverged),
      }
      for (const { metric, labels, read } of observed) {
        metric.reset()
        // A reset metric without labels would say 0.
        if (labels.length === 0) metric.remove()
        for (const sample of read(now)) {
          if (sample.value !== null) metric.inc(sample.labels ?? {}, sample.value)
        }
      }
      return registry.metrics()
    },
    observe: (request, reply) => {
      const route = request.routeOptions.url ?? 'none'
      if (route === paths.changes) return
      const labels = { method: request.method, route, status: String(reply.statusCode) }
      duration.observe(labels, reply.elapsedTime / 1000)
    },
  }
}
