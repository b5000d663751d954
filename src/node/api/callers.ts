import type { FastifyRequest } from 'fastify'
import { CALLER_HEADER, parseCall } from '../../wire/caller.ts'
import { CALLER_AGE_MS_MAX } from '../../wire/limits.ts'
import { verifySignature } from '../../wire/signature.ts'
import type { NodeService } from '../service.ts'
import { CALLS_REMEMBERED_MAX } from './limits.ts'
import type { ScopeIn } from './tokens.ts'

/** Who asks, as far as it is proven. */
export interface Caller {
  /** A member by its signature, whoever has a token; or only an address. */
  isProven: boolean
  /** Whom places are counted for. */
  name: string
}

export type RecogniseCaller = (request: FastifyRequest) => Caller

/**
 * Tells members and operators from anybody. A sync request's checkpoint does not: everybody can fetch one
 * and show it. So members sign each call, to this node, at this time, and each signature counts once.
 */
export function recogniserOf(service: NodeService, scopeIn: ScopeIn): RecogniseCaller {
  const { settings, identity } = service
  const members = new Set(settings.members.map((member) => member.peerId))
  const calls = new OnceOnly()
  return (request) => {
    const nowMs = Date.now()
    const text = request.headers[CALLER_HEADER]
    if (typeof text === 'string') {
      const terms = { lattice: identity.latticeId, to: identity.peerId, nowMs }
      const call = parseCall(text, terms, verifySignature)
      if (call !== null && members.has(call.peerId) && calls.isFirst(call.nonce, nowMs)) {
        return { isProven: true, name: call.peerId }
      }
    }
    const network = networkOf(request.ip)
    return scopeIn(request) === null
      ? { isProven: false, name: network }
      : { isProven: true, name: `token ${network}` }
  }
}

/** Remembers nonces for as long as their calls could be shown again. */
class OnceOnly {
  readonly #seenMs = new Map<string, number>()

  isFirst(nonce: string, nowMs: number): boolean {
    for (const [old, seenMs] of this.#seenMs) {
      // A call may be as far ahead of our clock as behind it.
      if (nowMs - seenMs <= 2 * CALLER_AGE_MS_MAX && this.#seenMs.size < CALLS_REMEMBERED_MAX) break
      this.#seenMs.delete(old)
    }
    if (this.#seenMs.has(nonce)) return false
    this.#seenMs.set(nonce, nowMs)
    return true
  }
}

/** An IPv4 address, or the /64 of an IPv6 one: who has one address of it has them all. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4).join(':')
}
