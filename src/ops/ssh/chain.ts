import type { Socket } from 'node:net'
import type { Client } from 'ssh2'
import type { Credentials, Identity, Prompt } from './authentication.ts'
import { HostKeyMismatchError, SshError, type Place } from './errors.ts'
import { placesOf, reach } from './hop.ts'
import { knowledgeOf } from './host-keys.ts'
import { askedTypes, knownTypes, type HostKeyKnowledge } from './judge-host-key.ts'
import { login } from './login.ts'
import type { ResolvedHost } from './resolve-host.ts'

/** Hosts that were entered one through the other, in order. */
export interface Chain {
  clients: readonly Client[]
  /** What the last one was dialled on; null behind a hop, which alone has it, and of an empty chain. */
  socket: Socket | null
}

/** A chain to enter. */
export interface Route {
  hops: readonly ResolvedHost[]
  /** Where each hop is, for errors. */
  places: readonly Place[]
  /** The key for the last hop alone. */
  identity: Identity | null
  prompt: Prompt | null
}

export const routeOf = (
  name: string,
  hops: readonly ResolvedHost[],
  identity: Identity | null,
  prompt: Prompt | null,
): Route => ({ hops, places: placesOf(hops, name), identity, prompt })

/**
 * Enters each hop through the one before it: verified, then logged in to. When one fails, the ones
 * before it are left.
 *
 * @throws as `connect`
 */
export async function enter(route: Route, signal: AbortSignal): Promise<Chain> {
  const clients: Client[] = []
  let socket: Socket | null = null
  try {
    for (const [index, host] of route.hops.entries()) {
      const place = route.places[index]
      if (place === undefined) throw new Error('a hop without a place')
      const isLast = index === route.hops.length - 1
      const credentials = { host, identity: isLast ? route.identity : null, prompt: route.prompt }
      const entered = await enterHop(credentials, clients.at(-1) ?? null, place, signal)
      clients.push(entered.client)
      socket = entered.socket
    }
    return { clients, socket }
  } catch (error) {
    leave(clients)
    throw error
  }
}

/** Ends the connections of a chain, the last one first. */
export function leave(clients: readonly Client[]): void {
  for (const client of clients.toReversed()) {
    client.on('error', () => {})
    client.end()
  }
}

interface Entered {
  client: Client
  socket: Socket | null
}

async function enterHop(
  credentials: Credentials,
  before: Client | null,
  place: Place,
  signal: AbortSignal,
): Promise<Entered> {
  const knowledge = await knowledgeOf(credentials.host)
  const types = new Set(askedTypes(knowledge))
  if (types.size === 0) throw unverifiable(place, knowledge)
  let mismatch: HostKeyMismatchError | undefined
  while (types.size > 0) {
    try {
      const { stream, socket } = await reach(credentials.host, before, place, signal)
      const expectation = { knowledge, types }
      const client = await login(stream, credentials, expectation, place, signal)
      return { client, socket }
    } catch (error) {
      const isHandshake = error instanceof SshError && error.step === 'handshake'
      if (mismatch !== undefined && isHandshake) throw mismatch
      if (!(error instanceof HostKeyMismatchError) || !isTypeOpen(knowledge)) throw error
      // A fingerprint does not tell its key's type: the server may have that key beside this one.
      mismatch ??= error
      types.delete(error.type)
    }
  }
  throw mismatch ?? unverifiable(place, knowledge)
}

const isTypeOpen = ({ pins }: HostKeyKnowledge): boolean =>
  pins.some(({ kind }) => kind === 'fingerprint')

const unverifiable = (place: Place, knowledge: HostKeyKnowledge): SshError =>
  new SshError(
    'host-key-unsupported',
    place,
    'host-key',
    `it is known only by keys that cannot be verified here (${[...knownTypes(knowledge)].join(', ')})`,
    {
      exit: 'failed',
      hint: `Ed25519, ECDSA and RSA keys can; run "aethel-lattice trust ${place.target}"`,
    },
  )
