import { encodeCanonical } from './cbor.ts'
import type { Genesis, Member } from './lattice.ts'
import { DEFAULT_TOPIC, syncPolicies, type SyncPolicy, type TokenScope } from './protocol.ts'
import { taggedHash, tags } from './signature.ts'
import {
  CONTROL,
  bool,
  choice,
  csv,
  genesisOf,
  hex,
  identifier,
  membersOf,
  multiaddr,
  optional,
  originUrl,
  path,
  port,
  seconds,
  text,
  tokensOf,
  type Reader,
} from './settings-readers.ts'

/** One environment variable that a node reads. */
export interface Variable<T> {
  name: `AETHEL_${string}`
  /** One line for `.env` comments and the docs. */
  about: string
  read: Reader<T>
  /** Taken when the variable is absent; no default means that it must be given. */
  fallback?: string
  /** Never shown, logged, or part of the configuration digest. */
  secret?: true
  /** No secret, but hashes of some: shown as changed, never its value. */
  masked?: true
  /** Items between commas. */
  list?: true
}

const variable = <T>(given: Variable<T>): Variable<T> => given

/** Of AETHEL_P2P_DIAL: in each pair the smaller peer id dials. */
const BY_ID = 'by-id'

/** Every `AETHEL_*` variable. A node refuses to start when it finds another one. */
export const variables = {
  nodeName: variable({
    name: 'AETHEL_NODE_NAME',
    about: 'This node’s name among the members.',
    read: identifier,
  }),
  nodeKey: variable<string>({
    name: 'AETHEL_NODE_KEY',
    about: 'Ed25519 seed, 64 hex characters. Give this or AETHEL_NODE_KEY_FILE.',
    read: optional(hex(32)),
    fallback: '',
    secret: true,
  }),
  nodeKeyFile: variable({
    name: 'AETHEL_NODE_KEY_FILE',
    about: 'File that holds the Ed25519 seed, 64 hex characters, readable by the node alone.',
    read: optional(path),
    fallback: '',
  }),
  latticeName: variable({
    name: 'AETHEL_LATTICE_NAME',
    about: 'Name of the lattice; part of its id.',
    read: identifier,
  }),
  members: variable<readonly Member[]>({
    name: 'AETHEL_MEMBERS',
    about: 'All members, this node included: name=peerId@url, comma-separated.',
    read: membersOf,
    list: true,
  }),
  genesis: variable<Genesis>({
    name: 'AETHEL_GENESIS',
    about:
      'Opening balances in minor units: account:amount, comma-separated. Part of the lattice’s id.',
    read: genesisOf,
    fallback: '',
    list: true,
  }),
  httpPeers: variable<readonly string[]>({
    name: 'AETHEL_LATTICE_NODES',
    about: 'Base URLs of the other nodes, for HTTP sync, comma-separated.',
    read: csv(originUrl),
    fallback: '',
    list: true,
  }),
  p2pEnabled: variable({
    name: 'AETHEL_P2P_ENABLED',
    about: 'Whether the libp2p lung runs.',
    read: bool,
    fallback: 'true',
  }),
  p2pListen: variable<readonly string[]>({
    name: 'AETHEL_P2P_LISTEN',
    about: 'Multiaddrs to listen on, comma-separated. Empty: only WebSocket on the HTTP port.',
    read: csv(multiaddr),
    fallback: '',
    list: true,
  }),
  p2pAnnounce: variable<readonly string[]>({
    name: 'AETHEL_P2P_ANNOUNCE',
    about: 'Multiaddrs that others reach this node by, comma-separated.',
    read: csv(multiaddr),
    fallback: '',
    list: true,
  }),
  p2pTopic: variable({
    name: 'AETHEL_P2P_TOPIC',
    about: 'Gossip topic.',
    read: text(128),
    fallback: DEFAULT_TOPIC,
  }),
  p2pBootstrap: variable<readonly string[]>({
    name: 'AETHEL_P2P_BOOTSTRAP',
    about: 'Multiaddrs of the other nodes, each ending in /p2p/<peer id>, comma-separated.',
    read: csv(multiaddr),
    fallback: '',
    list: true,
  }),
  p2pDial: variable<readonly string[] | null>({
    name: 'AETHEL_P2P_DIAL',
    about: 'Names of the members that this node dials; the others dial it. One dialer a pair.',
    read: (given) => (given === BY_ID ? null : csv(identifier)(given)),
    fallback: BY_ID,
    list: true,
  }),
  httpHost: variable({
    name: 'AETHEL_HTTP_HOST',
    about: 'Address that the HTTP API binds.',
    read: text(255),
    fallback: '127.0.0.1',
  }),
  httpPort: variable({
    name: 'AETHEL_HTTP_PORT',
    about: 'Port of the HTTP API, the page and the WebSocket.',
    read: port,
  }),
  caFile: variable({
    name: 'AETHEL_CA_FILE',
    about: 'File with the certificates (PEM) of authorities to trust beside the public ones.',
    read: optional(path),
    fallback: '',
  }),
  stateDir: variable({
    name: 'AETHEL_STATE_DIR',
    about: 'Data directory of this node alone.',
    read: path,
  }),
  syncPolicy: variable<SyncPolicy>({
    name: 'AETHEL_SYNC_POLICY',
    about: 'auto, p2p or http: what the node starts with; the operator may switch it at run time.',
    read: choice(syncPolicies),
    fallback: 'auto',
  }),
  heartbeatMs: variable({
    name: 'AETHEL_HEARTBEAT_INTERVAL',
    about: 'Seconds between checkpoints sent to the peers when nothing happens.',
    read: seconds(0.5, 60),
    fallback: '5',
  }),
  peerlessTimeoutMs: variable({
    name: 'AETHEL_PEERLESS_TIMEOUT',
    about:
      'Seconds without a sign of life after which a P2P peer counts as lost. HTTP starts earlier.',
    read: seconds(2, 60),
    fallback: '2',
  }),
  httpPollMs: variable({
    name: 'AETHEL_HTTP_POLL_INTERVAL',
    about: 'Seconds between polls in HTTP mode; change notices wake it sooner.',
    read: seconds(0.5, 300),
    fallback: '10',
  }),
  submit: variable({
    name: 'AETHEL_SUBMIT',
    about: 'token: an intent needs a bearer token. open: anyone who reaches the node may submit.',
    read: choice(['token', 'open'] as const),
    fallback: 'token',
  }),
  tokens: variable<readonly TokenHash[]>({
    name: 'AETHEL_TOKENS',
    about:
      'SHA-256 of the bearer tokens: scope:hex, comma-separated; scopes submit, control, admin.',
    read: tokensOf,
    fallback: '',
    list: true,
    masked: true,
  }),
  corsOrigins: variable<readonly string[]>({
    name: 'AETHEL_CORS_ORIGINS',
    about: 'Origins whose pages may read this node’s API, comma-separated.',
    read: csv(originUrl),
    fallback: '',
    list: true,
  }),
  logLevel: variable({
    name: 'AETHEL_LOG_LEVEL',
    about: 'debug, info, warn or error.',
    read: choice(['debug', 'info', 'warn', 'error'] as const),
    fallback: 'info',
  }),
} satisfies Record<string, Variable<unknown>>

/** A bearer token as a node stores it. */
export interface TokenHash {
  scope: TokenScope
  sha256: string
}

type Variables = typeof variables
/** What a node runs with; durations in milliseconds. */
export type Settings = { readonly [Name in keyof Variables]: ReturnType<Variables[Name]['read']> }

/** One thing wrong with the environment: the variable, the problem, what would be right. */
export interface SettingProblem {
  variable: string
  message: string
  hint: string
}

export type SettingsResult =
  | { ok: true; settings: Settings }
  | { ok: false; problems: SettingProblem[] }

const isOurs = (name: string): boolean => name.startsWith('AETHEL_')

/** The settings of an environment; or every problem in it, an unknown `AETHEL_*` variable included. */
export function parseSettings(
  environment: Readonly<Record<string, string | undefined>>,
): SettingsResult {
  const problems: SettingProblem[] = []
  const settings: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(variables) as [string, Variable<unknown>][]) {
    const given = environment[one.name]?.trim() ?? one.fallback
    if (given === undefined) {
      problems.push({ variable: one.name, message: 'is not set', hint: one.about })
      continue
    }
    try {
      // Readers of lists trim their items, and a line end would go with that unseen.
      if (CONTROL.test(given)) throw new Error('holds control characters')
      settings[key] = one.read(given)
    } catch (error) {
      const shown = one.secret === true ? 'its value' : JSON.stringify(given.slice(0, 120))
      problems.push({
        variable: one.name,
        message: `${shown}: ${(error as Error).message}`,
        hint: one.about,
      })
    }
  }
  const known = new Set<string>(Object.values(variables).map((one) => one.name))
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !isOurs(name) || known.has(name)) continue
    problems.push({
      variable: name,
      message: 'is not a variable of this node',
      hint: `known: ${[...known].join(', ')}`,
    })
  }
  if (problems.length > 0) return { ok: false, problems }
  const parsed = settings as Settings
  const mismatches = mismatchesOf(parsed)
  return mismatches.length > 0
    ? { ok: false, problems: mismatches }
    : { ok: true, settings: parsed }
}

/** What is wrong between variables that are each sound. */
function mismatchesOf(settings: Settings): SettingProblem[] {
  const problems: SettingProblem[] = []
  const say = ({ name }: { name: string }, message: string, hint: string): void => {
    problems.push({ variable: name, message, hint })
  }
  const self = settings.members.find((member) => member.name === settings.nodeName)
  const others = settings.members.filter((member) => member !== self)
  if (self === undefined) {
    say(
      variables.nodeName,
      `${settings.nodeName} is not among AETHEL_MEMBERS`,
      'name one of the members',
    )
  }
  if ((settings.nodeKey === '') === (settings.nodeKeyFile === '')) {
    say(
      variables.nodeKeyFile,
      'give exactly one of AETHEL_NODE_KEY and AETHEL_NODE_KEY_FILE',
      'servers use the file',
    )
  }
  for (const url of settings.httpPeers) {
    if (url === self?.url)
      say(variables.httpPeers, `${url} is this node itself`, 'list the other nodes only')
    else if (!others.some((member) => member.url === url)) {
      say(
        variables.httpPeers,
        `${url} is no member’s URL`,
        `members: ${others.map((member) => member.url).join(', ')}`,
      )
    }
  }
  for (const address of settings.p2pBootstrap) {
    const peerId = peerIdIn(address)
    if (peerId === undefined)
      say(variables.p2pBootstrap, `${address} names no peer`, 'end it with /p2p/<peer id>')
    else if (peerId === self?.peerId)
      say(variables.p2pBootstrap, `${address} is this node itself`, 'list the others only')
    else if (!others.some((member) => member.peerId === peerId)) {
      say(
        variables.p2pBootstrap,
        `${address} is no member`,
        'its peer id must stand in AETHEL_MEMBERS',
      )
    }
  }
  for (const name of settings.p2pDial ?? []) {
    const member = others.find((other) => other.name === name)
    if (member === undefined)
      say(variables.p2pDial, `${name} is no other member`, 'name members of AETHEL_MEMBERS')
    else if (!settings.p2pBootstrap.some((address) => peerIdIn(address) === member.peerId)) {
      say(
        variables.p2pDial,
        `${name} has no address in AETHEL_P2P_BOOTSTRAP`,
        'add one, or let it dial',
      )
    }
  }
  return problems
}

/** The peer id that a multiaddr ends with. */
export const peerIdIn = (address: string): string | undefined =>
  /\/p2p\/([^/]+)$/.exec(address)?.[1]

/**
 * Digest of the settings in force (64 hex), the same for the node that runs them and the CLI that
 * wrote them. Secrets are left out; a variable that is absent counts as its default.
 */
export function configDigestOf(environment: Readonly<Record<string, string | undefined>>): string {
  const pairs = (Object.values(variables) as Variable<unknown>[])
    .filter((one) => one.secret !== true)
    .map((one) => [one.name, environment[one.name]?.trim() ?? one.fallback ?? ''] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return taggedHash(tags.config, encodeCanonical(pairs))
}
