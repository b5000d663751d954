import { isIpv6 } from '../../wire/settings-readers.ts'

/** The rules of a node's host, as nft reads them. */
export interface FirewallTerms {
  /** A name of the table that is this node's alone. */
  table: string
  sshPort: number
  /** TCP ports that only `allow` may reach. */
  ports: readonly number[]
  /** Addresses and networks. */
  allow: readonly string[]
}

export const firewallTableOf = (node: string): string =>
  `aethel_lattice_${node.replaceAll('-', '_')}`

/**
 * A table of its own, made anew in one act. It decides about the node's ports alone, after it let SSH
 * through; what comes for other ports goes on to whatever else the host has.
 */
export function firewallFile({ table, sshPort, ports, allow }: FirewallTerms): string {
  const dport = `tcp dport { ${ports.join(', ')} }`
  const rules = [
    'type filter hook input priority filter; policy accept;',
    `tcp dport ${sshPort} accept`,
    'iif lo accept',
    'ct state established,related accept',
    ...allow.map((network) => {
      const family = isIpv6(network.split('/')[0] ?? '') ? 'ip6' : 'ip'
      return `${family} saddr ${network} ${dport} accept`
    }),
    `${dport} drop`,
  ]
  return [
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    '\tchain input {',
    ...rules.map((rule) => `\t\t${rule}`),
    '\t}',
    '}',
    '',
  ].join('\n')
}
