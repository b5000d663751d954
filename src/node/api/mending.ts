import type { FastifyInstance, FastifyRequest } from 'fastify'
import type * as z from 'zod'
import {
  possessionRequest,
  retireRequest,
  type possessionAnswer,
  type repairAnswer,
  type retireAnswer,
} from '../../wire/ledger-api.ts'
import { paths } from '../../wire/protocol.ts'
import { UnavailableError } from '../service.ts'
import type { ApiContext } from './context.ts'
import { parseInput, Refusal } from './refusal.ts'

/** What the operator does about lost directories and damaged stores. */
export function mendingRoutes(
  app: FastifyInstance,
  { service, log, limits, requireScope }: ApiContext,
): void {
  const allow = (request: FastifyRequest, action: string): void => {
    requireScope(request, 'admin')
    log.info({ action, address: request.ip }, `[CONTROL] ${action}`)
  }

  app.post(paths.possession, async ({ body }): Promise<z.infer<typeof possessionAnswer>> => {
    const { nonce } = parseInput(possessionRequest, body, '{"nonce": 32 hex digits}')
    const signature = Buffer.from(service.provePossession(nonce)).toString('base64')
    return { success: true, peer_id: service.identity.peerId, signature }
  })

  app.post(paths.retire, async (request): Promise<z.infer<typeof retireAnswer>> => {
    allow(request, 'retire')
    const hint = '{"incarnation": 16 hex digits}, of a directory that this node had'
    const { incarnation } = parseInput(retireRequest, request.body, hint)
    const retired = await service.retire(incarnation)
    if ('refusal' in retired) throw notRetired[retired.refusal]()
    return { success: true, author: retired.seal.author, size: retired.seal.size }
  })

  app.post(paths.repair, async (request, reply): Promise<z.infer<typeof repairAnswer>> => {
    allow(request, 'repair')
    reply.raw.setTimeout(limits.repairMs, () => reply.raw.destroy())
    try {
      const { entriesKept, damagedFile } = await service.repair()
      return { success: true, entries_kept: entriesKept, damaged_file: damagedFile }
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error
      throw new Refusal(409, 'not-damaged', error.message, {
        hint: 'GET /api/persistence/integrity reads it again, whole',
      })
    }
  })
}

const notRetired: Record<'in-use' | 'unknown' | 'ahead', () => Refusal> = {
  'in-use': () =>
    new Refusal(409, 'in-use', 'the node writes under this incarnation', {
      hint: 'only the log of a directory that is gone can be ended',
    }),
  unknown: () =>
    new Refusal(404, 'unknown-incarnation', 'the node holds no log of this incarnation'),
  ahead: () =>
    new Refusal(409, 'ahead', 'another member holds more of this log than the node does', {
      hint: 'wait until the node has it, then try again',
    }),
}
