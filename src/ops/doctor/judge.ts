import { worstOf } from '../../wire/verdict.ts'
import { unitNameOf } from '../desired/host-files.ts'
import { isProxied } from '../inventory/origins.ts'
import {
  checkIds,
  type Diagnosis,
  type Dial,
  type Finding,
  type NodeDiagnosis,
} from './diagnosis.ts'
import type {
  Evidence,
  LocalEvidence,
  NodeEvidence,
  ServerEvidence,
  SpaceEvidence,
} from './evidence.ts'
import { pass, unknown, type Judgement } from './findings.ts'
import { judgeDials, type Hearing } from './judge-dials.ts'
import * as host from './judge-host.ts'
import { isOfCaddyOr, isOfUnit, judgePorts } from './judge-ports.ts'
import {
  judgeLogin,
  judgeNames,
  judgeServerTls,
  judgeTls,
  judgeToken,
  judgeUrl,
} from './judge-reach.ts'
import { serverPorts } from './questions.ts'

/** What nodes are expected to have. */
export interface Expectations {
  /** Of the Node.js that a deploy brings to servers. */
  nodeVersion: string
}

/** What a look amounts to. Pure: the same evidence always comes to the same diagnosis. */
export function judge(evidence: Evidence, expectations: Expectations): Diagnosis {
  const { phase, nodes, nowMs, tookMs } = evidence
  const dials = nodes.flatMap(dialsOf)
  const judged = nodes.map((node) => ({
    node,
    ...judgeNode(node, { dials, nodes, nowMs, ...expectations }),
  }))
  const diagnosed = judged.map(({ node, findings }): NodeDiagnosis => ({
    name: node.spec.name,
    kind: node.kind,
    place: placeOf(node),
    findings: findings.toSorted((a, b) => checkIds.indexOf(a.check) - checkIds.indexOf(b.check)),
  }))
  const marks = diagnosed.flatMap((node) => node.findings.map(({ mark }) => mark))
  return {
    verdict: worstOf(marks.map((mark) => (mark === 'WARN' ? 'PASS' : mark))),
    phase,
    nodes: diagnosed,
    dials,
    unchecked: judged.flatMap(({ unchecked }) => unchecked),
    tookMs,
  }
}

interface Terms extends Expectations {
  dials: readonly Dial[]
  nodes: readonly NodeEvidence[]
  nowMs: number
}

function judgeNode(node: NodeEvidence, terms: Terms): Judgement {
  switch (node.kind) {
    case 'server':
      return judgeServer(node, terms)
    case 'space':
      return judgeSpace(node, terms)
    case 'local':
      return judgeLocal(node)
  }
}

function placeOf(node: NodeEvidence): string {
  if (node.kind === 'local') return node.url
  if (node.kind === 'space') return node.spec.url
  if (node.login.kind === 'done') return node.login.place
  const { user, host: name, port } = node.spec.ssh
  return `${user}@${name}:${port}`
}

function judgeServer(node: ServerEvidence, terms: Terms): Judgement {
  const { spec, lookups, login, tls, answer } = node
  const { name, ssh } = spec
  const isDeployed = node.host.kind === 'read' ? node.host.facts.isDeployed : null
  const reached = [...judgeLogin(login, ssh.user), judgeNames(lookups)]
  const answered = judgeUrl(name, answer, isDeployed, 'server')
  const secured =
    tls === null
      ? { findings: [], unchecked: [] }
      : judgeServerTls(tls, spec, isDeployed, terms.nowMs)
  const own = terms.dials.filter(({ from }) => from === name)
  const dialled =
    node.host.kind === 'read'
      ? judgeDials(name, own, (dial) => hearingOf(dial, terms.nodes))
      : { findings: own.length === 0 ? [] : [unknown('dials', node.host.why)], unchecked: [] }
  return {
    findings: [
      ...worstPerCheck(reached),
      ...judgeHost(node, terms),
      ...secured.findings,
      ...answered.findings,
      ...dialled.findings,
    ],
    unchecked: [...secured.unchecked, ...answered.unchecked, ...dialled.unchecked],
  }
}

/** Two judges may have a word on names. */
const worstPerCheck = (findings: readonly Finding[]): Finding[] => {
  const marks = ['FAIL', 'UNKNOWN', 'WARN', 'PASS']
  const byMark = findings.toSorted((a, b) => marks.indexOf(a.mark) - marks.indexOf(b.mark))
  return byMark.filter(
    (one, index) => byMark.findIndex(({ check }) => check === one.check) === index,
  )
}

const HOST_CHECKS = ['sudo', 'system', 'disk', 'memory', 'clock', 'node', 'ports'] as const

function judgeHost({ spec, host: reading }: ServerEvidence, terms: Terms): Finding[] {
  if (reading.kind === 'unread') return HOST_CHECKS.map((check) => unknown(check, reading.why))
  const { facts, clock } = reading
  const { user } = spec.ssh
  return [
    host.judgeSudo(facts, user),
    host.judgeSystem(facts),
    host.judgeDisk(facts, spec.root),
    host.judgeMemory(facts.memory),
    host.judgeClock(clock),
    host.judgeNode(facts, terms.nodeVersion),
    judgePorts(
      serverPorts(spec).filter(({ name }) => name !== 'front' || spec.proxy !== null),
      facts.ports,
      isOfCaddyOr(isOfUnit(unitNameOf(spec), facts)),
      {
        unseen: 'apt-get install iproute2 on the host',
        taken: `stop it there, or name another http_port or p2p_port in nodes.yaml${
          spec.proxy === null ? '' : '; what serves the url must be Caddy, or leave out proxy'
        }`,
      },
    ),
  ]
}

function judgeSpace(node: SpaceEvidence, { nowMs }: Terms): Judgement {
  const { spec, lookups, tls, answer } = node
  const answered = judgeUrl(spec.name, answer, null, 'space')
  return {
    findings: [
      judgeNames(lookups),
      judgeTls(tls, spec.url, nowMs),
      ...answered.findings,
      judgeToken(node),
    ],
    unchecked: [
      ...answered.unchecked,
      { id: 'dials', reason: `${spec.name} to the others: a Space dials nobody before it runs` },
    ],
  }
}

function judgeLocal(node: LocalEvidence): Judgement {
  const { spec, ports, listeners, pids, memory, nodeVersion, answer, isMeantToRun } = node
  const answered = judgeUrl(spec.name, answer, isMeantToRun, 'local')
  return {
    findings: [
      host.judgeLocalDisk(node),
      host.judgeMemory(memory),
      pass('node', `Node.js ${nodeVersion} runs this program and will run the node`),
      judgePorts(ports, listeners, ({ pid }) => pids.includes(pid), {
        unseen: 'install ss (iproute2) or lsof',
        taken:
          'stop it, perhaps with "down" where another lattice was started, or change local.http_port and local.p2p_port in nodes.yaml',
      }),
      ...answered.findings,
    ],
    unchecked: answered.unchecked,
  }
}

function dialsOf(node: NodeEvidence): Dial[] {
  if (node.kind !== 'server') return []
  const outcomes = node.host.kind === 'read' ? node.host.facts.dials : new Map()
  return node.dials.map(({ to, transport, host: name, port }, index) => ({
    from: node.spec.name,
    to,
    transport,
    address: name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`,
    outcome: outcomes.get(index) ?? null,
  }))
}

/** A Space's platform always listens. */
function hearingOf({ to, transport }: Dial, nodes: readonly NodeEvidence[]): Hearing {
  const target = nodes.find(({ spec }) => spec.name === to)
  if (target === undefined || target.kind === 'local') return 'unasked'
  if (target.kind === 'space') return 'heard'
  if (target.host.kind === 'unread') return 'unseen'
  const isFront = transport === 'http' && isProxied(target.spec.url)
  const listeners = target.host.facts.ports.get(isFront ? 'front' : transport)
  if (listeners === undefined) return 'unseen'
  return listeners.length > 0 ? 'heard' : 'unheard'
}
