import { run } from './shell.ts'

const table = 'aethel_lab'

/** An address that traffic is cut to or from, and the TCP port when only that is. */
interface Cut {
  /** Other ends; without it, everyone: the other hosts and this machine. */
  with?: readonly { address: string }[]
  /** As the host sees it. */
  direction?: 'in' | 'out' | 'both'
  /** One TCP port at either end; without it, all traffic. */
  port?: number
  durationMs: number
}

/**
 * The host's cable. What it drops it drops silently, as a broken network does, and the kernel ends that
 * by itself: no process needs to live for the host to come back.
 */
export class Link {
  readonly #namespace: string
  /** Addresses of everyone else on the network. */
  readonly #everyone: readonly string[]

  constructor(namespace: string, everyone: readonly string[]) {
    this.#namespace = namespace
    this.#everyone = everyone
  }

  /** Drops this traffic from now on for `durationMs`. */
  async cut({ with: others, direction = 'both', port, durationMs }: Cut): Promise<void> {
    const addresses = others?.map(({ address }) => address) ?? this.#everyone
    const directions = direction === 'both' ? (['in', 'out'] as const) : [direction]
    const suffix = port === undefined ? '' : '_port'
    const elements = directions.flatMap((one) =>
      addresses.map((address) => {
        const element = port === undefined ? address : `${address} . ${port}`
        const set = `inet ${table} ${one}${suffix}`
        // An element that is there already keeps its old time, so it goes first.
        return `add element ${set} { ${element} timeout 1d }
delete element ${set} { ${element} }
add element ${set} { ${element} timeout ${durationMs}ms }`
      }),
    )
    await this.#nft(`${rules}\n${elements.join('\n')}\n`)
  }

  /** Ends every cut now. */
  async heal(): Promise<void> {
    await this.#nft(`add table inet ${table}\ndelete table inet ${table}\n`)
  }

  async #nft(input: string): Promise<void> {
    await run({ input })`ip netns exec ${this.#namespace} nft -f -`
  }
}

/** To be loaded again and again: what is there stays, and with it the cuts that still run. */
const rules = `add table inet ${table}
add set inet ${table} in { type ipv4_addr; flags timeout; }
add set inet ${table} out { type ipv4_addr; flags timeout; }
add set inet ${table} in_port { type ipv4_addr . inet_service; flags timeout; }
add set inet ${table} out_port { type ipv4_addr . inet_service; flags timeout; }
add chain inet ${table} input { type filter hook input priority -300; }
add chain inet ${table} output { type filter hook output priority -300; }
flush chain inet ${table} input
flush chain inet ${table} output
add rule inet ${table} input ip saddr @in drop
add rule inet ${table} input ip saddr . tcp sport @in_port drop
add rule inet ${table} input ip saddr . tcp dport @in_port drop
add rule inet ${table} output ip daddr @out drop
add rule inet ${table} output ip daddr . tcp sport @out_port drop
add rule inet ${table} output ip daddr . tcp dport @out_port drop`
