import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePorts } from '../../test/free-ports.ts'
import type { DesiredNode } from '../ops/desired/lattice.ts'
import type { ProcessState, Target } from '../ops/targets/target.ts'
import { portsOf, requireFreePorts } from './local-ports.ts'

const other = createServer()
let taken: number

beforeEach(async () => {
  taken = await freePorts(1)
  other.listen(taken, '127.0.0.1')
  await once(other, 'listening')
})
afterEach(() => other.close())

const { signal } = new AbortController()
const node = (port: number) =>
  ({
    name: 'node1',
    kind: 'local',
    environment: { AETHEL_HTTP_PORT: `${port}` },
  }) as unknown as DesiredNode
const target = (state: ProcessState) =>
  ({
    observe: async () => ({ name: 'node1', current: null, held: [], process: { state } }),
  }) as unknown as Target

describe('a port that another program has', () => {
  it('is named before a node is started', async () => {
    await expect(
      requireFreePorts([node(taken)], [target('stopped')], signal),
    ).rejects.toMatchObject({
      code: 'port-taken',
      exit: 'badInput',
      message: `another program has ${taken} (node1) on this machine`,
    })
  })

  it('is the node’s own while it runs', async () => {
    const free = requireFreePorts([node(taken)], [target('running')], signal)
    await expect(free).resolves.toBeUndefined()
  })
})

it('a free port stays free', async () => {
  other.close()
  await once(other, 'close')
  await requireFreePorts([node(taken)], [target('stopped')], signal)
  other.listen(taken, '127.0.0.1')
  await once(other, 'listening')
  expect(other.listening).toBe(true)
})

it('a node’s ports are those of HTTP and of libp2p over TCP', () => {
  const environment = {
    AETHEL_HTTP_PORT: '8101',
    AETHEL_P2P_LISTEN: '/ip4/127.0.0.1/tcp/9101,/ip6/::1/tcp/9102/ws',
  }
  expect(portsOf({ environment })).toEqual([8101, 9101, 9102])
})
