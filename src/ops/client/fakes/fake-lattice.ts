import { latticeIdOf } from '../../../wire/lattice.ts'
import { configDigestOf } from '../../../wire/settings.ts'
import type { DesiredLattice } from '../../desired/lattice.ts'
import { FakeNode } from './fake-node.ts'
import { fakeGenesis, keyOf } from './fake-replica.ts'

export const fakeLatticeId = latticeIdOf('fake', fakeGenesis)

/** What the nodes of a fake lattice should have: sound settings, keys made from the names. */
export function fakeDesired(
  nodes: readonly { name: string; url: string }[],
  {
    isP2pEnabled = true,
    submit = 'open',
  }: { isP2pEnabled?: boolean; submit?: 'open' | 'token' } = {},
): DesiredLattice {
  const members = nodes.map(({ name, url }) => ({ name, url, peerId: keyOf(name).peerId }))
  const roles = ['public', 'primary', 'backup'] as const
  return {
    phase: 'local',
    name: 'fake',
    id: fakeLatticeId,
    genesis: fakeGenesis,
    submit,
    isP2pEnabled,
    members,
    nodes: members.map((member, index) => {
      const others = members.filter((other) => other !== member)
      const environment = {
        AETHEL_NODE_NAME: member.name,
        AETHEL_NODE_KEY_FILE: 'node.key',
        AETHEL_LATTICE_NAME: 'fake',
        AETHEL_GENESIS: [...fakeGenesis].map(([account, amount]) => `${account}:${amount}`).join(),
        AETHEL_MEMBERS: members.map(({ name, peerId, url }) => `${name}=${peerId}@${url}`).join(),
        AETHEL_LATTICE_NODES: others.map((other) => other.url).join(),
        AETHEL_P2P_ENABLED: String(isP2pEnabled),
        AETHEL_P2P_BOOTSTRAP: others
          .map((other) => `/ip4/127.0.0.1/tcp/9000/p2p/${other.peerId}`)
          .join(),
        AETHEL_HTTP_PORT: new URL(member.url).port,
        AETHEL_STATE_DIR: 'data',
        AETHEL_SUBMIT: submit,
      }
      return {
        ...member,
        kind: 'local',
        role: roles[index % roles.length] ?? 'backup',
        environment,
        configDigest: configDigestOf(environment),
        // Nothing that asks nodes looks at where they come from.
        spec: {
          kind: 'space',
          name: member.name,
          role: 'public',
          url: member.url,
          space: 'fake/space',
          token: { kind: 'env', name: 'NONE' },
        },
      }
    }),
  }
}

/** Nodes that listen and replicate to each other at once, and what they should be. */
export async function startFakeLattice(
  count: number,
  options: Parameters<typeof fakeDesired>[1] = {},
): Promise<{ nodes: FakeNode[]; desired: DesiredLattice; stop: () => Promise<void> }> {
  const nodes = Array.from(
    { length: count },
    (_, index) => new FakeNode(`node${index + 1}`, fakeLatticeId),
  )
  await Promise.all(nodes.map(async (node) => node.listen()))
  const desired = fakeDesired(
    nodes.map((node) => ({ name: node.replica.name, url: node.url })),
    options,
  )
  for (const [index, node] of nodes.entries()) {
    node.peers = nodes.filter((other) => other !== node)
    node.replica.configDigest = desired.nodes[index]?.configDigest ?? ''
  }
  return {
    nodes,
    desired,
    stop: async () => {
      await Promise.all(nodes.map(async (node) => node.close()))
    },
  }
}
