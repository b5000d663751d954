import * as z from 'zod'
import { MEMBERS_MAX } from '../../wire/limits.ts'
import { DEFAULT_TOPIC, syncPolicies } from '../../wire/protocol.ts'
import { variables } from '../../wire/settings.ts'
import { CORS_ORIGINS_MAX, FIREWALL_NETWORKS_MAX, HOST_KEYS_MAX } from './limits.ts'
import * as scalars from './scalars.ts'

/**
 * The shape of nodes.yaml. Each description serves the editor's help and the hints of errors, so it
 * says what to write.
 */

const submit = z.enum(['token', 'open'])

export const latticeSchema = z.strictObject({
  name: scalars.name.describe(
    'Name of the lattice, part of its id: lower-case letters, digits, inner hyphens.',
  ),
  topic: scalars.topic.prefault(DEFAULT_TOPIC).describe('Gossip topic, the same on every node.'),
  p2p: z
    .boolean()
    .default(true)
    .describe('true: libp2p and HTTP. false: HTTP only, a configuration like any other.'),
  policy: z
    .enum(syncPolicies)
    .default('auto')
    .describe(
      'What nodes start with. auto: P2P, and HTTP for every peer it does not serve; p2p; http.',
    ),
  heartbeat: scalars
    .duration(variables.heartbeatMs)
    .prefault('5s')
    .describe(
      'Time between checkpoints when nothing happens, with its unit, such as 5s: 500ms to 60s.',
    ),
  poll: scalars
    .duration(variables.httpPollMs)
    .prefault('10s')
    .describe(
      'Time between polls in HTTP mode, with its unit, such as 10s: 500ms to 300s. Change notices wake it sooner.',
    ),
  peerless_timeout: scalars
    .duration(variables.peerlessTimeoutMs)
    .prefault('2s')
    .describe(
      'Silence after which a P2P peer counts as lost, with its unit, such as 2s: 2s to 60s. HTTP starts earlier.',
    ),
  submit: submit
    .default('token')
    .describe('token: an intent needs a bearer token. open: anyone who reaches a node may submit.'),
  cors_origins: z
    .array(scalars.origin)
    .max(CORS_ORIGINS_MAX)
    .default([])
    .describe(
      'Origins whose web pages may read the nodes’ API, such as https://status.example.com.',
    ),
  ca: scalars.secret
    .optional()
    .describe(
      'Where the certificates (PEM) of an authority of your own are, when urls have theirs from it: file:PATH, env:NAME or cmd:COMMAND.',
    ),
  genesis: scalars.genesis
    .prefault({})
    .describe(
      'Opening balances, account: amount, in whole minor units. Part of the lattice’s id: fixed for good.',
    ),
})

export const localSchema = z.strictObject({
  http_port: scalars.unprivilegedPort
    .default(8101)
    .describe(
      'HTTP port of the first node on this machine, 1024 to 65535; the next nodes take the next ports.',
    ),
  p2p_port: scalars.unprivilegedPort
    .default(9101)
    .describe(
      'libp2p port of the first node on this machine, 1024 to 65535; the next nodes take the next ports.',
    ),
  submit: submit
    .default('open')
    .describe('As lattice.submit, for the lattice on this machine: token or open.'),
  genesis: scalars.genesis
    .optional()
    .describe('As lattice.genesis, for the lattice on this machine; without it, the same.'),
})

const common = {
  name: scalars.name.describe(
    'Name of the node, once in the lattice: lower-case letters, digits, inner hyphens.',
  ),
  role: z
    .enum(['public', 'primary', 'backup'])
    .describe('public, primary or backup. A soft launch runs the public and primary nodes only.'),
}

const spaceSchema = z.strictObject({
  ...common,
  kind: z.literal('space').describe('A Hugging Face Space.'),
  url: scalars.spaceOrigin.describe(
    'Where the Space serves the app, such as https://owner-name.hf.space: see “Embed this Space” on its page.',
  ),
  space: scalars.spaceName.describe('owner/name on the hub.'),
  token: scalars.secret.describe(
    'Where the hub’s write token is: env:NAME, file:PATH or cmd:COMMAND. Never the token.',
  ),
})

const serverSchema = z
  .strictObject({
    ...common,
    kind: z.literal('server').describe('A Linux host reached over SSH.'),
    url: scalars.serverOrigin.describe(
      'Origin of its HTTP API, without a path: https://api.example.com.',
    ),
    host: scalars.host
      .optional()
      .describe(
        'Name or address that the others dial for libp2p, in lower case. Without it, the url’s host.',
      ),
    http_port: scalars.port
      .optional()
      .describe(
        'Port of the node’s HTTP server, behind the proxy that serves the url. Without it, 8000, or the url’s when it is http.',
      ),
    p2p_port: scalars.unprivilegedPort
      .default(9000)
      .describe('TCP port for libp2p, 1024 to 65535, open to the other servers.'),
    web_socket_port: scalars.port
      .optional()
      .describe(
        'Port on the url’s host where the proxy passes WebSockets with TLS, such as 443. A Space can dial only 80, 443 and 8080. Without it, Spaces wait to be dialled.',
      ),
    proxy: z
      .enum(['caddy'])
      .optional()
      .describe(
        'caddy: a deploy has the host’s Caddy serve the https url and WebSockets. Without it, what serves an https url is yours.',
      ),
    tls: z
      .strictObject({
        certificate: scalars.secret.describe(
          'Where the certificate chain (PEM) is: file:PATH, env:NAME or cmd:COMMAND.',
        ),
        key: scalars.secret.describe(
          'Where the private key (PEM) is: file:PATH, env:NAME or cmd:COMMAND. Never the key.',
        ),
      })
      .optional()
      .describe(
        'Certificate and key that the proxy serves. Without it, Caddy gets certificates by itself from public authorities (ACME).',
      ),
    firewall: z
      .strictObject({
        allow: z
          .array(scalars.network)
          .min(1)
          .max(FIREWALL_NETWORKS_MAX)
          .describe(
            'Addresses and networks that may reach the node’s own ports, the other nodes’ and yours among them: 198.51.100.7, 2001:db8::/48.',
          ),
      })
      .optional()
      .describe(
        'Rules of nft on the host: only those in allow reach p2p_port, and http_port where no proxy stands before it. Without it, no rules.',
      ),
    root: scalars.root
      .prefault('/opt/aethel-lattice')
      .describe(
        'Folder on the host for releases and data, an absolute path such as /opt/aethel-lattice.',
      ),
    ssh: z
      .strictObject({
        user: scalars.user.describe('User to log in as.'),
        host: scalars.host
          .optional()
          .describe('Name or address to log in at, in lower case. Without it, the node’s host.'),
        port: scalars.port
          .optional()
          .describe(
            'Port of the SSH server, 1 to 65535. Without it, your ssh configuration’s, or 22.',
          ),
        identity: scalars.secret
          .optional()
          .describe(
            'Where the private key is: env:NAME, file:PATH or cmd:COMMAND. Without it, the SSH agent’s keys and those that your ssh configuration names.',
          ),
        host_keys: z
          .array(scalars.hostKey)
          .max(HOST_KEYS_MAX)
          .default([])
          .describe(
            'Keys that the host must present one of: ssh-ed25519 AAAA… or SHA256:… each. With any, known_hosts does not count.',
          ),
      })
      .describe('How to log in: user, and host, port, identity, host_keys where needed.'),
  })
  .refine(({ proxy, tls }) => tls === undefined || proxy !== undefined, {
    path: ['tls'],
    error: 'nothing here serves it; add proxy: caddy',
  })

export const nodeSchema = z.discriminatedUnion('kind', [spaceSchema, serverSchema])

export const inventorySchema = z
  .strictObject({
    lattice: latticeSchema.describe(
      'What all nodes share: its name, and what differs from the defaults.',
    ),
    nodes: z
      .array(nodeSchema)
      .min(1)
      .max(MEMBERS_MAX)
      .describe(`The nodes, 1 to ${MEMBERS_MAX}; each a Space or a server.`),
    local: localSchema
      .prefault({})
      .describe('How the same nodes run on this machine: --phase local.'),
  })
  .describe('A lattice: its settings, its nodes, and how they run on this machine.')

/** JSON Schema (draft 7) of nodes.yaml, for editors. `templates/nodes.schema.json` holds it. */
export const inventoryJsonSchema = (): Record<string, unknown> =>
  z.toJSONSchema(inventorySchema, { io: 'input', target: 'draft-7' })
