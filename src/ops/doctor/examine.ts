import { dirname } from 'node:path'
import { latticeIdOf } from '../../wire/lattice.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import { unitNameOf } from '../desired/host-files.ts'
import { OperatorError } from '../errors.ts'
import {
  nodesOf,
  type Inventory,
  type NodeSpec,
  type Phase,
  type SecretReference,
  type ServerSpec,
  type SpaceSpec,
} from '../inventory/inventory.ts'
import { isProxied } from '../inventory/origins.ts'
import { resolveSecret } from '../inventory/secrets.ts'
import type { SshSession } from '../ssh/session.ts'
import { askUrl, type AskedNode } from './ask-url.ts'
import type { Evidence, HostReading, Login, ServerEvidence, SpaceEvidence } from './evidence.ts'
import { NO_LOGIN } from './judge-reach.ts'
import { failedLogin } from './login.ts'
import { lookAtTls } from './look-at-tls.ts'
import { lookUp } from './look-up.ts'
import { dialsOf, namesOf, serverPorts } from './questions.ts'
import { readHost } from './read-host.ts'

export interface Examination {
  inventory: Inventory
  phase: Exclude<Phase, 'local'>
  /** Names of the nodes to look at. */
  chosen: readonly string[]
  /** Of the nodes whose keys are there. */
  peerIds: ReadonlyMap<string, string>
  /** Of the Node.js that a deploy brings. */
  nodeVersion: string
  /** Logs in. @throws as `connect` of the room `ssh` */
  connect: (server: ServerSpec, signal: AbortSignal) => Promise<SshSession>
  clock?: Clock
  signal: AbortSignal
}

/** Looks at nodes on servers and Spaces, all at once. Changes nothing anywhere. */
export async function examine(examination: Examination): Promise<Evidence> {
  const { inventory, phase, chosen, clock = systemClock } = examination
  const startedMs = clock.monotonicMs()
  const specs = nodesOf(inventory, phase).filter(({ name }) => chosen.includes(name))
  const nodes = await Promise.all(
    specs.map(async (spec) =>
      spec.kind === 'server'
        ? examineServer(spec, examination, clock)
        : examineSpace(spec, examination),
    ),
  )
  return { phase, nodes, nowMs: clock.wallMs(), tookMs: clock.monotonicMs() - startedMs }
}

async function examineServer(
  spec: ServerSpec,
  examination: Examination,
  clock: Clock,
): Promise<ServerEvidence> {
  const { inventory, phase, signal } = examination
  const dials = dialsOf(spec, nodesOf(inventory, phase), inventory.lattice.isP2pEnabled)
  const [lookups, tls, answer, { login, host }] = await Promise.all([
    lookUpAll(spec, signal),
    isProxied(spec.url) ? lookAtTls(spec.url, signal) : null,
    askUrl(askedNode(spec, examination), signal),
    logInAndRead(spec, dials, examination, clock),
  ])
  return { kind: 'server', spec, lookups, login, host, tls, answer, dials }
}

async function examineSpace(spec: SpaceSpec, examination: Examination): Promise<SpaceEvidence> {
  const { inventory, signal } = examination
  const [lookups, tls, answer, token] = await Promise.all([
    lookUpAll(spec, signal),
    lookAtTls(spec.url, signal),
    askUrl(askedNode(spec, examination), signal),
    lookForToken(spec.token, dirname(inventory.path), signal),
  ])
  return { kind: 'space', spec, lookups, tls, answer, token }
}

const lookUpAll = async (spec: NodeSpec, signal: AbortSignal) =>
  Promise.all(namesOf(spec).map(async (host) => lookUp(host, signal)))

const askedNode = ({ name, url }: NodeSpec, { inventory, peerIds }: Examination): AskedNode => ({
  name,
  url,
  peerId: peerIds.get(name) ?? null,
  lattice: latticeIdOf(inventory.lattice.name, inventory.lattice.genesis),
})

async function logInAndRead(
  spec: ServerSpec,
  dials: ServerEvidence['dials'],
  { connect, nodeVersion, signal }: Examination,
  clock: Clock,
): Promise<{ login: Login; host: HostReading }> {
  let session: SshSession
  try {
    session = await connect(spec, signal)
  } catch (error) {
    signal.throwIfAborted()
    const login = failedLogin(error)
    return { login, host: { kind: 'unread', why: NO_LOGIN } }
  }
  try {
    const questions = {
      root: spec.root,
      unit: unitNameOf(spec),
      nodeVersion,
      ports: serverPorts(spec),
      dials,
    }
    const host = await readHost(session, questions, clock, signal)
    return { login: { kind: 'done', place: session.description }, host }
  } finally {
    await session.close()
  }
}

/** Whether the hub's token can be had. It is let go of at once. */
async function lookForToken(
  reference: SecretReference,
  baseDir: string,
  signal: AbortSignal,
): Promise<SpaceEvidence['token']> {
  try {
    await resolveSecret(reference, baseDir, signal)
    return null
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OperatorError)) throw error
    return { problem: error.message, hint: error.hint ?? null }
  }
}
