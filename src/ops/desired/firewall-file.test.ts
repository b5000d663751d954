import { expect, it } from 'vitest'
import { firewallFile, firewallTableOf } from './firewall-file.ts'

it('lets SSH through before it limits who reaches the ports', () => {
  const text = firewallFile({
    table: firewallTableOf('node-1'),
    sshPort: 2222,
    ports: [8000, 9000],
    allow: ['198.51.100.7', '2001:db8::/48'],
  })
  expect(text).toBe(`table inet aethel_lattice_node_1
delete table inet aethel_lattice_node_1
table inet aethel_lattice_node_1 {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 2222 accept
		iif lo accept
		ct state established,related accept
		ip saddr 198.51.100.7 tcp dport { 8000, 9000 } accept
		ip6 saddr 2001:db8::/48 tcp dport { 8000, 9000 } accept
		tcp dport { 8000, 9000 } drop
	}
}
`)
})
