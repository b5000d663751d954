import { randomInt } from 'node:crypto'
import { OperatorError } from '../../src/ops/errors.ts'
import type { HostPlace, Place } from './place.ts'
import { run } from './shell.ts'

/**
 * The network of a lab: a bridge, this machine at .1 and the hosts from .11 on. The ranges are those
 * that RFC 2544 sets aside for benchmarks, which no network routes.
 */
const SUBNETS = 512

/** The first three numbers of a /24 in 198.18.0.0/15. */
const subnetOf = (index: number): string => `198.${18 + Math.floor(index / 256)}.${index % 256}`

export const addressOf = (subnet: string, hostIndex: number): string =>
  `${subnet}.${11 + hostIndex}`

export const machineAddressOf = (subnet: string): string => `${subnet}.1`

interface Interface {
  ifname: string
  addr_info: { local?: string }[]
}

/**
 * Makes the bridge, with a subnet that nobody else on this machine has. Two labs that begin at once
 * may take the same one: each looks after it took, and gives up what another took too.
 */
export async function makeBridge({ id, bridge }: Place): Promise<string> {
  await run`ip link add ${bridge} type bridge`
  await run`ip link set ${bridge} up`
  for (let tried = 0; tried < SUBNETS; tried++) {
    const subnet = subnetOf(tried === 0 ? Number.parseInt(id, 16) % SUBNETS : randomInt(SUBNETS))
    const address = `${machineAddressOf(subnet)}/24`
    await run`ip address add ${address} dev ${bridge}`
    if (await isOnly(bridge, subnet)) return subnet
    await run`ip address del ${address} dev ${bridge}`
  }
  throw new OperatorError('LAB_NETWORKS_TAKEN', 'every network from 198.18.0.0/15 is taken', {
    hint: 'take down labs that are not needed: npm run lab -- down --dir DIR',
  })
}

async function isOnly(bridge: string, subnet: string): Promise<boolean> {
  const interfaces: Interface[] = JSON.parse((await run`ip -json address show`).stdout)
  const takers = interfaces.filter(({ addr_info }) =>
    addr_info.some(({ local }) => local?.startsWith(`${subnet}.`)),
  )
  return takers.every(({ ifname }) => ifname === bridge)
}

/** A namespace with a cable to the bridge. It outlives the host's boots. */
export async function connect(
  { bridge }: Place,
  { namespace, cable }: HostPlace,
  address: string,
): Promise<void> {
  await run`ip netns add ${namespace}`
  await run`ip link add ${cable} type veth peer name host0 netns ${namespace}`
  await run`ip link set ${cable} master ${bridge} up`
  const lines = `address add ${address}/24 dev host0\nlink set host0 up\nlink set lo up\n`
  await run({ input: lines })`ip -netns ${namespace} -batch -`
}
