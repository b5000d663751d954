import type { SyncPolicy } from '../../wire/protocol.ts'
import type { Genesis } from '../../wire/lattice.ts'
import type { HostKeyPin } from '../ssh/host-key.ts'

/**
 * nodes.yaml as values. The room `inventory` owns reading and checking that file, the nodes'
 * identities and the secrets it refers to. It decides nothing about what nodes should have.
 */
export interface Inventory {
  /** Absolute path of nodes.yaml; state and keys lie beside it. */
  path: string
  lattice: LatticeSpec
  nodes: readonly NodeSpec[]
  local: LocalSpec
}

export interface LatticeSpec {
  name: string
  topic: string
  genesis: Genesis
  submit: 'token' | 'open'
  isP2pEnabled: boolean
  syncPolicy: SyncPolicy
  heartbeatMs: number
  httpPollMs: number
  peerlessTimeoutMs: number
  corsOrigins: readonly string[]
  /** Certificates (PEM) of authorities that nodes and this program trust beside the public ones. */
  ca: SecretReference | null
}

/** How the same nodes run on this machine: `--phase local`. */
export interface LocalSpec {
  /** Node i serves HTTP on `httpPort + i`, libp2p on `p2pPort + i`, on loopback. */
  httpPort: number
  p2pPort: number
  submit: 'token' | 'open'
  genesis: Genesis
}

interface NodeBase {
  name: string
  role: 'public' | 'primary' | 'backup'
  /** Origin of its HTTP API. */
  url: string
}

/** A Hugging Face Space: one HTTPS port, an ephemeral disk, outbound 80, 443 and 8080 only. */
export interface SpaceSpec extends NodeBase {
  kind: 'space'
  /** owner/name on the hub. */
  space: string
  token: SecretReference
}

/** A Linux host reached over SSH. */
export interface ServerSpec extends NodeBase {
  kind: 'server'
  /** What the others dial for libp2p: a name or an address, mostly the url's. */
  host: string
  /** Where the node's own HTTP server listens; a proxy stands before it when the url is https. */
  httpPort: number
  p2pPort: number
  /** Where a proxy lets libp2p's WebSocket through with TLS; null: only TCP on `p2pPort`. */
  webSocketPort: number | null
  /** Null: what serves an https url is not ours. */
  proxy: CaddySpec | null
  /** Addresses and networks that alone may reach the node's own ports; null: everybody may. */
  firewall: { allow: readonly string[] } | null
  ssh: {
    /** Name, address, or an alias of the operator's ssh configuration. */
    host: string
    /** Null: what the ssh configuration says, or 22. */
    port: number | null
    user: string
    /** Null: the SSH agent's keys, and those that the ssh configuration names. */
    identity: SecretReference | null
    /** When there are any, the host must present one of them; files of known hosts do not count. */
    hostKeys: readonly HostKeyPin[]
  }
  /** Folder on the host that releases and data lie in. */
  root: string
}

/** Caddy of the host's distribution, which serves the node's url and libp2p's WebSocket. */
export interface CaddySpec {
  kind: 'caddy'
  /** Null: Caddy gets certificates by itself, from public authorities (ACME). */
  tls: { certificate: SecretReference; key: SecretReference } | null
}

export type NodeSpec = SpaceSpec | ServerSpec

/** Where a secret is, never the secret: `env:NAME`, `file:PATH`, `cmd:COMMAND ARGS`. */
export type SecretReference =
  | { kind: 'env'; name: string }
  | { kind: 'file'; path: string }
  | { kind: 'cmd'; argv: readonly string[] }

export const phases = ['local', 'soft-launch', 'full'] as const
/** `local`: all nodes on this machine. `soft-launch`: the public and the primary node. `full`: all. */
export type Phase = (typeof phases)[number]

/** The nodes that a phase runs, in the order of nodes.yaml. */
export const nodesOf = (inventory: Inventory, phase: Phase): readonly NodeSpec[] =>
  phase === 'soft-launch'
    ? inventory.nodes.filter((node) => node.role !== 'backup')
    : inventory.nodes
