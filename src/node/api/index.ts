import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import { JSON_BODY_BYTES_MAX } from '../../wire/limits.ts'
import type { NodeService } from '../service.ts'
import { answerHeaders, guardBrowsers } from './browsers.ts'
import { recogniserOf } from './callers.ts'
import { Connections } from './connections.ts'
import { compatRoutes } from './compat.ts'
import type { ApiContext } from './context.ts'
import { controlRoutes } from './control.ts'
import { evidenceRoutes } from './evidence.ts'
import { healthRoutes } from './health.ts'
import { historyRoutes } from './history.ts'
import { importRoutes } from './import.ts'
import { ledgerRoutes } from './ledger.ts'
import { ACCEPT_QUEUE_MAX, apiLimits, type ApiLimits } from './limits.ts'
import { mendingRoutes } from './mending.ts'
import { pageRoutes } from './page.ts'
import { internalRefusal, Refusal, refusalOf, refuseRaw } from './refusal.ts'
import { syncRoutes } from './sync.ts'
import { FailedAttempts, requireScopeFrom, scopeInFrom } from './tokens.ts'

/**
 * The node over HTTP. The room `node/api` owns everything between a socket and the `NodeService`:
 * paths, bodies, tokens, browsers' rules, streams, limits, metrics, the page's files. It must not
 * decide anything about the ledger or about sync, and reaches them through `NodeService` alone.
 */
export interface Api {
  /** Where libp2p's WebSocket takes its upgrades. This room never listens to `upgrade`. */
  readonly server: Server
  /** Rejects when the port cannot be bound. Port 0: any; the answer says which. */
  listen(host: string, port: number): Promise<{ port: number }>
  /** Takes over a listening socket that somebody else holds, too. Rejects when `fd` is none. */
  adopt(fd: number): Promise<{ port: number }>
  /**
   * Goes on accepting and answering, every connection for the last time, until none is open or
   * `drainMs` are over. For a socket that another process will accept from after this one.
   */
  drain(): Promise<void>
  /**
   * Stops accepting, answers waits with what holds, ends streams, and cuts what is left after
   * `closeTimeoutMs`. Upgraded sockets are their owner's and stay open.
   */
  close(): Promise<void>
}

export interface ApiOptions {
  /** The page's files; null: `GET /` is JSON for everyone. */
  pageDir: string | null
  log: Logger
  limits?: Partial<ApiLimits>
}

/** Throws when `pageDir` holds no page. */
export function createApi(service: NodeService, options: ApiOptions): Api {
  const limits = { ...apiLimits, ...options.limits }
  const closing = new AbortController()
  const { tokens } = service.settings
  const failures = new FailedAttempts(limits, () => performance.now())
  const app = bareApp(limits)
  const connections = new Connections(app.server, limits)
  const context: ApiContext = {
    service,
    log: options.log,
    limits,
    requireScope: requireScopeFrom(tokens, failures),
    recognise: recogniserOf(service, scopeInFrom(tokens, failures)),
    closing: closing.signal,
    noteStream: (response) => connections.noteStream(response),
  }
  answerErrors(app, options.log)
  guardBrowsers(app, service.settings)
  refuseEarly(app, limits, connections)
  healthRoutes(app, context)
  ledgerRoutes(app, context)
  evidenceRoutes(app, context)
  historyRoutes(app, context)
  importRoutes(app, context)
  mendingRoutes(app, context)
  syncRoutes(app, context)
  controlRoutes(app, context)
  compatRoutes(app, context)
  pageRoutes(app, service, options.pageDir)

  return {
    server: app.server,
    listen: async (host, port) => listening(app, (server) => server.listen(port, host)),
    adopt: async (fd) => listening(app, (server) => server.listen({ fd }, ACCEPT_QUEUE_MAX)),
    drain: async () => connections.drain(limits.drainMs),
    close: async () => {
      closing.abort()
      await connections.close(limits.closeTimeoutMs)
      // Not awaited: it would wait for upgraded sockets too.
      app.close().catch((error: unknown) => options.log.error({ err: error }, 'closing failed'))
    },
  }
}

async function listening(
  app: FastifyInstance,
  listen: (server: Server) => void,
): Promise<{ port: number }> {
  await app.ready()
  const isListening = once(app.server, 'listening')
  listen(app.server)
  await isListening
  return { port: (app.server.address() as AddressInfo).port }
}

/** Who may say, by X-Forwarded-For, which address a request comes from: a proxy on our side of the network. */
const TRUSTED_PROXIES = ['loopback', 'linklocal', 'uniquelocal']

function bareApp(limits: ApiLimits): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: JSON_BODY_BYTES_MAX,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    return503OnClosing: false,
    trustProxy: TRUSTED_PROXIES,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    http: {
      connectionsCheckingInterval: limits.timeoutCheckMs,
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.headerBytesMax,
      requireHostHeader: false,
    },
    clientErrorHandler: refuseRaw,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      answerHeaders(reply)
      const refusal = refusalOf(error) ?? internalRefusal()
      void reply.code(refusal.status).send(refusal.body)
    },
  })
  app.server.maxConnections = limits.connectionsMax
  // Only JSON, so that no page can post a form here without asking first.
  app.removeContentTypeParser('text/plain')
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parseJson(request, body.toString(), done),
  )
  return app
}

function answerErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler(async (error, request, reply) => {
    const known = refusalOf(error)
    if (known === null) log.error({ err: error, route: request.routeOptions.url }, 'request failed')
    const refusal = known ?? internalRefusal()
    reply.headers(refusal.details.headers ?? {})
    return reply.code(refusal.status).send(refusal.body)
  })
}

/** What is refused before anything of a request's body is read. */
function refuseEarly(app: FastifyInstance, limits: ApiLimits, connections: Connections): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.setTimeout(limits.answerStallMs, () => reply.raw.destroy())
    const { host, 'content-encoding': encoding } = request.headers
    if (host === undefined && request.raw.httpVersion === '1.1') {
      throw new Refusal(400, 'no-host', 'the request has no Host header')
    }
    // Nothing is ever inflated, so a body's limit is the limit of what it could become.
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      throw new Refusal(415, 'content-encoding', 'compressed bodies are not taken', {
        hint: 'send the body as it is',
      })
    }
  })
  app.addHook('onSend', async (_request, reply) => {
    if (connections.isLeaving) reply.header('connection', 'close')
  })
}
