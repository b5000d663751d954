import { isIP } from 'node:net'
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { HAS_NO_CERTIFICATE } from '../client/tls-codes.ts'
import { hostOf, portOf } from '../inventory/origins.ts'
import type { TlsLook } from './evidence.ts'
import { TLS_MS_MAX } from './limits.ts'

/** Shakes hands with what serves `url` (https) and looks at the certificate that it shows. */
export async function lookAtTls(url: string, signal: AbortSignal): Promise<TlsLook> {
  signal.throwIfAborted()
  const host = hostOf(url)
  const socket = connect({
    host,
    port: portOf(url),
    // What is wrong with the chain is looked at, not obeyed; nothing is sent on this connection.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
  try {
    return await new Promise<TlsLook>((resolve, reject) => {
      const timer = setTimeout(() => {
        resolve({ kind: 'unseen', why: 'silent', detail: `no answer within ${TLS_MS_MAX} ms` })
      }, TLS_MS_MAX)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      socket.once('close', () => clearTimeout(timer))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(unseen(error)))
      socket.once('secureConnect', () => resolve(lookOf(socket, host)))
    })
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

function unseen({ code = '', message }: NodeJS.ErrnoException): TlsLook {
  const of = (why: Extract<TlsLook, { kind: 'unseen' }>['why'], detail: string): TlsLook => ({
    kind: 'unseen',
    why,
    detail,
  })
  if (HAS_NO_CERTIFICATE.has(code)) {
    return of('no-certificate', 'what listens there has none for this name')
  }
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return of('absent', 'its name leads nowhere')
    case 'ECONNREFUSED':
      return of('refused', 'nothing listens on its port')
    case 'ETIMEDOUT':
      return of('silent', 'no answer')
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return of('unrouted', 'no route leads there')
    default:
      return of('not-tls', `what listens there does not speak TLS (${code || message})`)
  }
}

function lookOf(socket: TLSSocket, host: string): TlsLook {
  const leaf = socket.getPeerCertificate(true)
  const error: unknown = socket.authorizationError
  return {
    kind: 'shown',
    chainProblem: socket.authorized ? null : codeOf(error),
    isForThisName: checkServerIdentity(host, leaf) === undefined,
    issuer: [leaf.issuer.O, leaf.issuer.CN].flat().filter(Boolean).join(' ') || 'nobody named',
    validFromMs: Date.parse(leaf.valid_from),
    validUntilMs: Math.min(...chainOf(leaf).map((one) => Date.parse(one.valid_to))),
  }
}

/** Node's types promise an `Error`; its code is what comes. */
const codeOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)

/** A certificate and those above it, without the authority's own. */
function chainOf(
  leaf: PeerCertificate & { issuerCertificate?: PeerCertificate },
): PeerCertificate[] {
  const chain: PeerCertificate[] = [leaf]
  for (let above = leaf.issuerCertificate; ;) {
    const next = (above as { issuerCertificate?: PeerCertificate } | undefined)?.issuerCertificate
    // The authority's own certificate names itself as its issuer.
    if (above === undefined || next === above || chain.length > 8) return chain
    chain.push(above)
    above = next
  }
}
