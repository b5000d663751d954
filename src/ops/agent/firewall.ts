import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { firewallTableOf } from '../desired/firewall-file.ts'
import { HOST_FOLDER } from '../desired/host-files.ts'
import { writeWhole } from '../host/durable-file.ts'
import { TargetError } from '../targets/errors.ts'
import type { Layout } from '../targets/placement/layout.ts'
import { isInstalled } from './host-files.ts'
import { firewallRulesOf, unitsOf, type Host } from './host.ts'
import { COMMAND_BYTES_MAX, COMMAND_MS } from './limits.ts'

/**
 * A node's own table of nft, loaded by a unit of its own. Which rules were loaded last is noted, so that
 * they are loaded again after a crash, and not without need.
 */

const loadedFile = (host: Host): string => join(host.root, 'run', 'firewall')

/** Before the units are another generation's: a unit whose file is gone no longer knows how it ends. */
export async function endFirewallUnlessIn(
  host: Host,
  layout: Layout,
  signal: AbortSignal,
): Promise<void> {
  const { firewall } = unitsOf(host.node)
  const wanted = join(layout.currentSettings, HOST_FOLDER, firewall)
  if ((await readFile(wanted).catch(() => null)) !== null) return
  if (!(await isInstalled(host, firewall))) return
  await host.services.disable([firewall], signal)
  await host.services.stop([firewall], signal)
}

/** Has the current generation's rules in force; where it has none, does nothing. */
export async function loadFirewall(host: Host, signal: AbortSignal): Promise<void> {
  const { firewall } = unitsOf(host.node)
  if (!(await isInstalled(host, firewall))) return
  const rules = firewallRulesOf(host)
  const digest = hash('sha256', await readFile(rules))
  const isUp = await host.services.isListening(firewall, signal)
  const isLoaded = isUp && (await host.isFirewallUp())
  if (isLoaded && (await readFile(loadedFile(host), 'utf8').catch(() => '')) === digest) return
  const problem = await host.firewallProblemIn(rules, signal)
  if (problem !== null) {
    throw new TargetError('firewall', `nft refuses the rules for ${host.node}`, {
      hint: `leave out firewall in nodes.yaml, or mend nft on the host; it said: ${problem}`,
    })
  }
  await host.services.enable([firewall], signal)
  if (isUp) await host.services.refresh(firewall, signal)
  else await host.services.start([firewall], signal)
  if (!(await host.services.isListening(firewall, signal))) {
    throw new TargetError('firewall', `${firewall} does not load its rules`, {
      hint: `see "journalctl -u ${firewall}" on the host`,
    })
  }
  await writeWhole(loadedFile(host), digest, 0o600)
}

/** What nft finds wrong with rules, without loading them; null: nothing. */
export const nftProblemIn = async (file: string, signal: AbortSignal): Promise<string | null> =>
  nftProblem(['-c', '-f', file], signal)

/** Whether the kernel has the table of this node. */
export const isTableUp = async (node: string): Promise<boolean> =>
  (await nftProblem(
    ['list', 'table', 'inet', firewallTableOf(node)],
    AbortSignal.timeout(COMMAND_MS),
  )) === null

/** Null: nft did it. */
async function nftProblem(args: readonly string[], signal: AbortSignal): Promise<string | null> {
  try {
    await promisify(execFile)('nft', args, {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      signal,
      timeout: COMMAND_MS,
      maxBuffer: COMMAND_BYTES_MAX,
    })
    return null
  } catch (error) {
    signal.throwIfAborted()
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') return 'nft is not there: apt-get install nftables'
    return stderr.trim().split('\n').slice(0, 3).join('; ') || 'nothing'
  }
}
