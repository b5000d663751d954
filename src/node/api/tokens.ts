import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { tokenScopes, type TokenScope } from '../../wire/protocol.ts'
import type { TokenHash } from '../../wire/settings.ts'
import { TOKEN_CHARS_MAX, type ApiLimits } from './limits.ts'
import { Refusal } from './refusal.ts'

const rankOf = (scope: TokenScope): number => tokenScopes.indexOf(scope)

/** The widest scope of a token among those stored; null for a stranger. Takes as long whichever matches. */
export function scopeOf(stored: readonly TokenHash[], token: string): TokenScope | null {
  const digest = createHash('sha256').update(token).digest()
  let rank = -1
  for (const { scope, sha256 } of stored) {
    const isMatch = timingSafeEqual(digest, Buffer.from(sha256, 'hex'))
    if (isMatch) rank = Math.max(rank, rankOf(scope))
  }
  return tokenScopes[rank] ?? null
}

type FailureLimits = Pick<
  ApiLimits,
  'tokenFailuresMax' | 'tokenFailureWindowMs' | 'tokenAddressesMax'
>

/** Failed attempts by address in fixed windows. The oldest address is forgotten when there are too many. */
export class FailedAttempts {
  readonly #limits: FailureLimits
  readonly #nowMs: () => number
  readonly #windows = new Map<string, { count: number; endsMs: number }>()

  constructor(limits: FailureLimits, nowMs: () => number) {
    this.#limits = limits
    this.#nowMs = nowMs
  }

  /** Milliseconds until the address may try again; 0 when it may now. */
  blockedForMs(address: string): number {
    const window = this.#windows.get(address)
    if (window === undefined || window.count < this.#limits.tokenFailuresMax) return 0
    return Math.max(0, window.endsMs - this.#nowMs())
  }

  add(address: string): void {
    const window = this.#windows.get(address)
    if (window !== undefined && window.endsMs > this.#nowMs()) {
      window.count += 1
      return
    }
    this.#windows.delete(address)
    const [oldest] = this.#windows.keys()
    if (oldest !== undefined && this.#windows.size >= this.#limits.tokenAddressesMax) {
      this.#windows.delete(oldest)
    }
    this.#windows.set(address, {
      count: 1,
      endsMs: this.#nowMs() + this.#limits.tokenFailureWindowMs,
    })
  }
}

/** The scope of the token that a request carries; null for none, an unknown one, or a blocked address. */
export type ScopeIn = (request: FastifyRequest) => TokenScope | null

export function scopeInFrom(stored: readonly TokenHash[], failures: FailedAttempts): ScopeIn {
  return (request) => {
    const { authorization } = request.headers
    if (authorization === undefined || failures.blockedForMs(request.ip) > 0) return null
    const granted = grantedTo(authorization, stored)
    if (granted === null) failures.add(request.ip)
    return granted
  }
}

function grantedTo(header: string, stored: readonly TokenHash[]): TokenScope | null {
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1] ?? ''
  const isTokenLike = token !== '' && token.length <= TOKEN_CHARS_MAX
  return isTokenLike ? scopeOf(stored, token) : null
}

/** Throws unless the request carries a token of this scope or a wider one. */
export type RequireScope = (request: FastifyRequest, scope: TokenScope) => void

export function requireScopeFrom(
  stored: readonly TokenHash[],
  failures: FailedAttempts,
): RequireScope {
  return (request, scope) => {
    const header = request.headers.authorization
    if (header === undefined) throw tokenRequired(scope, stored)

    // Before the token is looked at: a guess learns nothing while its address is blocked.
    const blockedForMs = failures.blockedForMs(request.ip)
    if (blockedForMs > 0) throw tooManyAttempts(blockedForMs)

    const granted = grantedTo(header, stored)
    if (granted === null) {
      failures.add(request.ip)
      throw unknownToken()
    }
    if (rankOf(granted) < rankOf(scope)) {
      throw new Refusal(403, 'scope-required', `the token has scope ${granted}, not ${scope}`, {
        hint: `use a token of scope ${scope}`,
      })
    }
  }
}

const tokenRequired = (scope: TokenScope, stored: readonly TokenHash[]): Refusal =>
  new Refusal(401, 'token-required', `this needs a bearer token of scope ${scope}`, {
    hint: stored.some((one) => rankOf(one.scope) >= rankOf(scope))
      ? 'send "authorization: Bearer <token>"'
      : `this node has no token of scope ${scope}; AETHEL_TOKENS names their hashes`,
    headers: { 'www-authenticate': 'Bearer realm="aethel-lattice"' },
  })

const unknownToken = (): Refusal =>
  new Refusal(401, 'token-unknown', 'the node does not know this token', {
    hint: 'the token of another lattice, or one that was replaced; AETHEL_TOKENS names the hashes',
    headers: { 'www-authenticate': 'Bearer realm="aethel-lattice", error="invalid_token"' },
  })

function tooManyAttempts(blockedForMs: number): Refusal {
  const seconds = Math.ceil(blockedForMs / 1000)
  return new Refusal(429, 'too-many-attempts', 'too many unknown tokens from this address', {
    hint: `try again in ${seconds} s`,
    headers: { 'retry-after': String(seconds) },
  })
}
