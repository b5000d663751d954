import type { KeyStanding, TrustPlan } from '../../ops/ssh/trust-plan.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** A server that was asked for its keys. */
export interface AskedHost {
  node: string
  hostname: string
  port: number
  plan: TrustPlan
}

const words: Readonly<Record<KeyStanding, string>> = {
  known: 'known',
  new: 'not known yet',
  other: 'not needed: known by another key',
  contradicts: 'NOT the key that is known',
  revoked: 'REVOKED',
}

/** The keys of each host, and those that they would take the place of. */
export function formatTrust(hosts: readonly AskedHost[], paint: Paint): string {
  return hosts.map((host) => formatHost(host, paint)).join('\n')
}

function formatHost({ node, hostname, port, plan }: AskedHost, paint: Paint): string {
  const said = (standing: KeyStanding): string => {
    if (standing === 'known') return paint.good(words[standing])
    return standing === 'new' || standing === 'other'
      ? paint.faint(words[standing])
      : paint.bad(words[standing])
  }
  const rows = plan.keys.map(({ type, fingerprint, standing }) => [
    type,
    fingerprint,
    said(standing),
  ])
  const old = plan.contradictions.map(({ fingerprint, line }) => [
    line.key?.type ?? '',
    fingerprint,
    paint.bad(`known until now (${line.file}:${line.line})`),
  ])
  const pinned = plan.isPinned ? paint.faint(', by ssh.host_keys in nodes.yaml alone') : ''
  return `${paint.strong(node)} at ${hostname} port ${port}${pinned}\n${table([...rows, ...old], '  ')}`
}
