import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as z from 'zod'
import {
  faultRequest,
  probeRequest,
  type faultAnswer,
  type probeAnswer,
  type switchAnswer,
} from '../../wire/api.ts'
import { FAULT_MS_MAX, MODE_REVERT_MS_MAX } from '../../wire/limits.ts'
import { paths, syncPolicies, type SyncPolicy } from '../../wire/protocol.ts'
import type { Settings } from '../../wire/settings.ts'
import { signalOf, type ApiContext } from './context.ts'
import { parseInput, Refusal, wholeNumber } from './refusal.ts'
import { Slots } from './slots.ts'

type SwitchAnswer = z.infer<typeof switchAnswer>
type FaultAnswer = z.infer<typeof faultAnswer>

const switchQuery = z.object({
  mode: z.enum(syncPolicies).default('auto'),
  revert_after_ms: wholeNumber(1, MODE_REVERT_MS_MAX).optional(),
})

/** What the operator does to a running node. Every route needs scope `control`. */
export function controlRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service, limits, log, requireScope } = context
  const allow = (request: FastifyRequest, action: string): void => {
    requireScope(request, 'control')
    log.info({ action, address: request.ip }, `[CONTROL] ${action}`)
  }

  app.post(paths.switch, async (request): Promise<SwitchAnswer> => {
    requireScope(request, 'control')
    const query = switchQuery.safeParse(request.query)
    const problem = query.success
      ? problemWith(query.data.mode, service.settings)
      : `mode is one of ${syncPolicies.join(', ')}; revert_after_ms 1 to ${MODE_REVERT_MS_MAX}`
    if (query.success && problem === null) {
      allow(request, `switch to ${query.data.mode}`)
      service.switchPolicy(query.data.mode, query.data.revert_after_ms ?? null)
    }
    const { policy, active, reason, reverts_in_ms } = service.health().sync
    return {
      success: problem === null,
      mode: active,
      policy,
      reverts_in_ms,
      message: problem ?? `policy is ${policy}; active now: ${active} (${reason})`,
    }
  })

  const probes = new Slots('probes', limits.probesMax)
  app.post(paths.probe, async (request, reply): Promise<z.infer<typeof probeAnswer>> => {
    allow(request, 'probe')
    const others = otherNames(service.settings)
    const hint = `{"peer": one of ${others.join(', ')}, "transport": "p2p" or "http"}`
    const { peer, transport } = parseInput(probeRequest, request.body, hint)
    if (!others.includes(peer)) {
      throw new Refusal(404, 'unknown-peer', 'the peer is no other member', { hint })
    }
    const signal = AbortSignal.any([
      signalOf(reply.raw, context),
      AbortSignal.timeout(limits.probeTimeoutMs),
    ])
    const result = await probes.during(async () => service.probe(peer, transport, signal))
    return { success: true, ...result }
  })

  const armed = (): FaultAnswer => {
    const fault = service.fault()
    return {
      success: true,
      fault: fault === null ? null : { kind: fault.kind, ends_in_ms: fault.endsInMs },
    }
  }
  app.get(paths.fault, async (request): Promise<FaultAnswer> => {
    requireScope(request, 'control')
    return armed()
  })
  app.post(paths.fault, async (request): Promise<FaultAnswer> => {
    requireScope(request, 'control')
    const hint = `{"kind": "p2p-stop", "for_ms": 1 to ${FAULT_MS_MAX}}`
    const { kind, for_ms } = parseInput(faultRequest, request.body, hint)
    allow(request, `fault ${kind} for ${for_ms} ms`)
    await service.armFault(kind, for_ms)
    return armed()
  })
  app.delete(paths.fault, async (request): Promise<FaultAnswer> => {
    allow(request, 'fault undone')
    await service.clearFault()
    return armed()
  })
}

const otherNames = (settings: Settings): string[] =>
  settings.members.map((member) => member.name).filter((name) => name !== settings.nodeName)

/** Why a policy would leave the node without any way to sync; null when it would not. */
function problemWith(policy: SyncPolicy, settings: Settings): string | null {
  if (policy === 'p2p' && !settings.p2pEnabled) return 'P2P is disabled by AETHEL_P2P_ENABLED'
  if (policy === 'http' && settings.httpPeers.length === 0) {
    return 'there is no node to sync with over HTTP; AETHEL_LATTICE_NODES is empty'
  }
  return null
}
