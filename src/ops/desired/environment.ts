import type { Genesis } from '../../wire/lattice.ts'
import { variables, type TokenHash } from '../../wire/settings.ts'
import type { LatticeSpec } from '../inventory/inventory.ts'
import { addressesFor, dials, type Place } from './addresses.ts'

export interface NodeInLattice {
  name: string
  peerId: string
  place: Place
}

/** Relative to the node's working directory, its `shared` folder. */
const KEY_FILE = 'node.key'
export const CA_FILE = 'ca.pem'
const STATE_DIRECTORY = 'data'

/**
 * Every variable of one node but its secrets, and but those that keep their default. Lists of others
 * never name the node itself.
 */
export function environmentOf(
  self: NodeInLattice,
  all: readonly NodeInLattice[],
  lattice: LatticeSpec,
  tokenHashes: readonly TokenHash[],
): Readonly<Record<string, string>> {
  const { place } = self
  const others = all.filter((node) => node !== self)
  const bootstrap = others.flatMap((other) =>
    addressesFor(place, other.place).map((address) => `${address}/p2p/${other.peerId}`),
  )
  const dialled = others.filter((other) => dials(self, other))

  return inVariables({
    nodeName: self.name,
    // A Space has no files of ours before it starts: its key comes as a secret variable.
    ...(place.kind === 'space' ? {} : { nodeKeyFile: KEY_FILE }),
    ...(place.kind === 'space' || lattice.ca === null ? {} : { caFile: CA_FILE }),
    stateDir: STATE_DIRECTORY,
    latticeName: lattice.name,
    members: list(all.map(({ name, peerId, place: { url } }) => `${name}=${peerId}@${url}`)),
    genesis: formatGenesis(lattice.genesis),
    httpHost: place.httpHost,
    httpPort: `${place.httpPort}`,
    httpPeers: list(others.map((other) => other.place.url)),
    httpPollMs: inSeconds(lattice.httpPollMs),
    corsOrigins: list(lattice.corsOrigins),
    p2pEnabled: `${lattice.isP2pEnabled}`,
    p2pListen: list(place.listen),
    p2pAnnounce: list(place.reach.map(({ multiaddr }) => multiaddr)),
    p2pTopic: lattice.topic,
    p2pBootstrap: list(bootstrap),
    p2pDial: list(dialled.map(({ name }) => name)),
    syncPolicy: lattice.syncPolicy,
    heartbeatMs: inSeconds(lattice.heartbeatMs),
    peerlessTimeoutMs: inSeconds(lattice.peerlessTimeoutMs),
    submit: lattice.submit,
    tokens: list(tokenHashes.map(({ scope, sha256 }) => `${scope}:${sha256}`)),
  })
}

/** The items of a variable that holds a list. */
export const itemsIn = (environment: Readonly<Record<string, string>>, name: string): string[] =>
  (environment[name] ?? '').split(',').filter((item) => item !== '')

const list = (items: readonly string[]): string => items.join(',')

const inSeconds = (ms: number): string => `${ms / 1000}`

const formatGenesis = (genesis: Genesis): string =>
  list([...genesis].map(([account, amount]) => `${account}:${amount}`))

const inVariables = (
  settings: Partial<Record<keyof typeof variables, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(settings).map(([key, text]) => [
      variables[key as keyof typeof variables].name,
      text,
    ]),
  )
