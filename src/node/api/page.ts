import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { NodeService } from '../service.ts'
import { PAGE_POLICY } from './browsers.ts'
import { allPaths } from './compat.ts'
import { PAGE_BYTES_MAX, PAGE_FILES_MAX } from './limits.ts'

interface PageFile {
  bytes: Buffer
  type: string
  etag: string
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/**
 * The page's files by path, all in memory: what is not in the map cannot be asked for, whatever the
 * request's path looks like. Throws when the directory cannot be read or is no page.
 */
function readPage(directory: string): Map<string, PageFile> {
  const files = new Map<string, PageFile>()
  let bytesTotal = 0
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const type = mediaTypes[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    bytesTotal += statSync(path).size
    if (files.size >= PAGE_FILES_MAX || bytesTotal > PAGE_BYTES_MAX) {
      throw new Error(`${directory} is too large for a page`)
    }
    const bytes = readFileSync(path)
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    files.set(`/${relative(directory, path).split(sep).join('/')}`, { bytes, type, etag })
  }
  if (!files.has('/index.html')) throw new Error(`${directory} holds no index.html`)
  return files
}

/** `GET /`, as the page for browsers and as JSON for programs, and the page's files beside it. */
export function pageRoutes(
  app: FastifyInstance,
  service: NodeService,
  pageDir: string | null,
): void {
  const files = pageDir === null ? new Map<string, PageFile>() : readPage(pageDir)
  const index = files.get('/index.html')
  app.get('/', async (request, reply) => {
    reply.header('vary', 'accept')
    return index === undefined || wantsJson(request)
      ? aboutOf(service)
      : send(index, request, reply)
  })
  for (const [path, file] of files) {
    app.get(path, async (request, reply) => send(file, request, reply))
  }
}

const wantsJson = ({ headers: { accept = '' } }: FastifyRequest): boolean =>
  accept.includes('application/json') && !accept.includes('text/html')

function send(file: PageFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({
    'cache-control': 'no-cache',
    'content-security-policy': PAGE_POLICY,
    etag: file.etag,
  })
  const isKnown = request.headers['if-none-match'] === file.etag
  return isKnown ? reply.code(304).send() : reply.type(file.type).send(file.bytes)
}

function aboutOf({ identity, settings, refusalReason }: NodeService): Record<string, unknown> {
  const features = [
    ...(settings.p2pEnabled ? ['p2p-sync'] : []),
    ...(settings.httpPeers.length > 0 ? ['http-sync'] : []),
    'merkle-proofs',
    'receipts',
    'attestations',
    'metrics',
  ]
  return {
    name: 'aethel-lattice',
    node: identity.name,
    version: identity.version,
    release: identity.release,
    status: refusalReason === null ? 'operational' : 'unavailable',
    features,
    endpoints: allPaths,
  }
}
