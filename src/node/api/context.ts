import type { ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { RecogniseCaller } from './callers.ts'
import type { NodeService } from '../service.ts'
import type { ApiLimits } from './limits.ts'
import type { RequireScope } from './tokens.ts'

/** What every group of routes is given. */
export interface ApiContext {
  service: NodeService
  log: Logger
  limits: ApiLimits
  requireScope: RequireScope
  recognise: RecogniseCaller
  /** Aborts when the API closes. */
  closing: AbortSignal
  /** Says of an answer that it never ends by itself. */
  noteStream(response: ServerResponse): void
}

/** Aborts when the client goes away or the API closes. Done with when the answer is. */
export function signalOf(response: ServerResponse, context: ApiContext): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return AbortSignal.any([gone.signal, context.closing])
}
