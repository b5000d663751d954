import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from '../../wire/settings.ts'
import { Refusal } from './refusal.ts'

/** What browsers are told and refused. Programs send no `Origin` and meet none of this but the headers. */

const ANSWER_POLICY = "default-src 'none'; frame-ancestors 'none'"

/** The page runs only its own files, and may be framed by itself and by the hub that shows a Space. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self' https://huggingface.co",
].join('; ')

const CORS_MAX_AGE_S = 600
const METHODS = ['GET', 'POST', 'DELETE'] as const

export type OriginSettings = Pick<Settings, 'corsOrigins' | 'members' | 'nodeName'>

/**
 * Whether pages of `origin` may act on this node. Its own are known by the configured URL, or by a
 * literal address: a mere match of Origin and Host proves nothing, since whoever owns a name may
 * point it at this node.
 */
export function isAllowedOrigin(
  origin: string,
  host: string | undefined,
  settings: OriginSettings,
): boolean {
  const self = settings.members.find((member) => member.name === settings.nodeName)
  if (origin === self?.url || settings.corsOrigins.includes(origin)) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  const isLiteral = url.hostname === 'localhost' || isIP(url.hostname.replaceAll(/[[\]]/g, '')) > 0
  return isLiteral && url.origin === origin && url.host === host?.toLowerCase()
}

export function answerHeaders(reply: FastifyReply): void {
  void reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': ANSWER_POLICY,
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
}

/** Headers for every answer, the refusal of foreign pages' writes, and CORS for the configured origins. */
export function guardBrowsers(app: FastifyInstance, settings: Settings): void {
  app.addHook('onRequest', async (request, reply) => {
    answerHeaders(reply)
    if (settings.corsOrigins.length > 0) reply.header('vary', 'origin')
    const { origin, host } = request.headers
    if (origin === undefined) return
    if (settings.corsOrigins.includes(origin)) {
      reply.header('access-control-allow-origin', origin)
      reply.header('access-control-expose-headers', 'retry-after')
    }
    if (isWrite(request) && !isAllowedOrigin(origin, host, settings)) throw foreignOrigin(origin)
  })

  app.options('*', async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = methodsAt(app, path)
    if (methods.length === 0) throw noSuchPath()
    if (request.headers.origin !== undefined) {
      reply.headers({
        'access-control-allow-methods': methods.join(', '),
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-max-age': String(CORS_MAX_AGE_S),
      })
    }
    return reply.header('allow', methods.join(', ')).code(204).send()
  })

  app.setNotFoundHandler(async (request) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = methodsAt(app, path)
    if (methods.length === 0) throw noSuchPath()
    throw new Refusal(405, 'wrong-method', `this path does not take ${request.method}`, {
      hint: `use ${methods.join(' or ')}`,
      headers: { allow: methods.join(', ') },
    })
  })
}

const isWrite = (request: FastifyRequest): boolean => !['GET', 'HEAD'].includes(request.method)

const methodsAt = (app: FastifyInstance, path: string): string[] =>
  METHODS.filter((method) => app.findRoute({ method, url: path }) !== null)

const noSuchPath = (): Refusal =>
  new Refusal(404, 'no-such-path', 'there is nothing at this path', {
    hint: 'GET / with "accept: application/json" lists what there is',
  })

const foreignOrigin = (origin: string): Refusal =>
  new Refusal(403, 'foreign-origin', `pages of ${origin.slice(0, 100)} may not act on this node`, {
    hint: 'open the page at the node’s configured URL, or add the origin to AETHEL_CORS_ORIGINS',
  })
