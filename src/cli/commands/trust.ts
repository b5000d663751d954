import { OperatorError } from '../../ops/errors.ts'
import { nodesOf, type Inventory, type ServerSpec } from '../../ops/inventory/inventory.ts'
import { statePath } from '../../ops/inventory/state.ts'
import { resolveTarget } from '../../ops/ssh/target.ts'
import { askForHostKeys, keepHostKeys } from '../../ops/ssh/trust.ts'
import type { PresentedKey, TrustPlan } from '../../ops/ssh/trust-plan.ts'
import type { App, Outcome } from '../command.ts'
import { UsageError } from '../failure.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { formatTrust, type AskedHost } from '../output/trust.ts'

export interface TrustOptions {
  /** Of the key that the operator expects, from another source. */
  fingerprint?: string
  /** Lets go of keys that contradict the presented ones. */
  replace: boolean
}

/** Shows the keys that servers present; keeps those that the operator says are theirs. */
export async function trust(
  app: App,
  node: string | undefined,
  options: TrustOptions,
): Promise<Outcome> {
  const inventory = await openInventory(app)
  const servers = chosenServers(app, inventory, node)
  requireEvidence(app, servers, options)
  const file = statePath(inventory, 'known_hosts')
  const hosts: AskedHost[] = []
  for (const server of servers) hosts.push(await ask(app, server, file))

  const open = hosts.flatMap((host) => {
    const keys = keysToKeep(host.plan, options)
    return keys.length === 0 ? [] : [{ ...host, keys }]
  })
  if (open.length === 0 || app.options.dryRun) return outcomeOf(app, hosts, file, false)
  app.screen.say((paint) => formatTrust(open, paint))
  await requireAssent(app, options)
  for (const { plan, keys } of open) await keepHostKeys(file, plan, keys, options.replace)
  return outcomeOf(app, hosts, file, true)
}

function chosenServers(
  { options }: App,
  inventory: Inventory,
  node: string | undefined,
): readonly ServerSpec[] {
  if (options.phase === 'local') {
    throw new UsageError('the nodes on this machine are not reached over SSH', 'leave --phase out')
  }
  const servers = nodesOf(inventory, options.phase).filter((one) => one.kind === 'server')
  const names = chosenNames(servers, node)
  return servers.filter(({ name }) => names.includes(name))
}

/** Refuses, before any host is asked, a trust that nobody would have compared with anything. */
function requireEvidence(
  { options, screen }: App,
  servers: readonly ServerSpec[],
  { fingerprint }: TrustOptions,
): void {
  if (fingerprint !== undefined && servers.length !== 1) {
    throw new UsageError('a fingerprint is that of one node', 'name the node')
  }
  if (options.dryRun || screen.canAsk || (options.yes && fingerprint !== undefined)) return
  throw new UsageError(
    'somebody has to compare the keys, and nobody can be asked here',
    'add --fingerprint SHA256:… with --yes, or --dry-run to only look',
    'needs-fingerprint',
  )
}

async function ask(app: App, server: ServerSpec, file: string): Promise<AskedHost> {
  const { name, ssh } = server
  const { screen, signal } = app
  const target = await resolveTarget({ ...ssh, name, identity: null }, file)
  screen.say((paint) => paint.faint(`… asking ${name} for its keys`))
  const prompt = screen.canAsk ? { prompt: screen.answer.bind(screen) } : {}
  const plan = await askForHostKeys(target, { ...prompt, signal })
  const { hostname, port } = target.hops.at(-1) ?? { hostname: ssh.host, port: 22 }
  return { node: name, hostname, port, plan }
}

/**
 * The keys that shall be kept. All that are presented, where a person compares them; one that is proven
 * by its fingerprint proves no other, as each came with a handshake of its own.
 *
 * @throws OperatorError for a key that must not be kept
 */
function keysToKeep(
  plan: TrustPlan,
  { fingerprint, replace }: TrustOptions,
): readonly PresentedKey[] {
  const all = plan.keys.map((key) => `${key.type} ${key.fingerprint}`).join(', ')
  const revoked = plan.keys.find(({ standing }) => standing === 'revoked')
  if (revoked !== undefined) {
    throw refusal(
      'host-key-revoked',
      `${plan.name} presents ${revoked.fingerprint}, which is revoked`,
      'give the host a new key',
    )
  }
  const proven = plan.keys.filter((key) => key.fingerprint === (fingerprint ?? key.fingerprint))
  if (proven.length === 0) {
    throw refusal(
      'host-key-mismatch',
      `${plan.name} does not present ${fingerprint}, but ${all}`,
      'someone may stand between; compare on the host itself',
    )
  }
  if (plan.isPinned) {
    if (plan.keys.some(({ standing }) => standing === 'known')) return []
    throw refusal(
      'host-key-mismatch',
      `${plan.name} presents ${all}, and none of the keys that nodes.yaml pins. Someone may stand between`,
      'if the host was set up anew, compare on the host itself, then correct host_keys in nodes.yaml',
    )
  }
  const [first] = plan.contradictions
  if (first !== undefined && !replace) {
    const { file, line } = first.line
    throw refusal(
      'host-key-mismatch',
      `${plan.name} presents ${all}, but is known by ${first.fingerprint} (${file}:${line}). Someone may stand between`,
      'if the host was set up anew, compare on the host itself, then remove the line by hand or add --replace',
    )
  }
  return proven.filter(({ standing }) => standing === 'new' || standing === 'contradicts')
}

const refusal = (code: string, message: string, hint: string): OperatorError =>
  new OperatorError(code, message, { hint })

/** `--yes` answers only where a fingerprint was compared. */
async function requireAssent(
  { options, screen, signal }: App,
  { fingerprint }: TrustOptions,
): Promise<void> {
  if (options.yes && fingerprint !== undefined) return
  const text = 'Type yes if the hosts themselves show these fingerprints'
  const answer = await screen.answer({ text, isSecret: false }, signal)
  if (answer.trim().toLowerCase() === 'yes') return
  throw refusal(
    'declined',
    'not agreed to; no key was kept',
    'see each key on its host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
  )
}

function outcomeOf(
  app: App,
  hosts: readonly AskedHost[],
  file: string,
  isWritten: boolean,
): Outcome {
  return {
    exit: 'done',
    json: {
      nodes: hosts.map(({ node, hostname, port, plan }) => ({
        name: node,
        host: hostname,
        port,
        pinned: plan.isPinned,
        keys: plan.keys.map(({ type, fingerprint, standing }) => ({ type, fingerprint, standing })),
      })),
      file,
      written: isWritten,
      dry_run: app.options.dryRun,
    },
    text: (paint) => (isWritten ? `Kept in ${file}.` : formatTrust(hosts, paint)),
  }
}
