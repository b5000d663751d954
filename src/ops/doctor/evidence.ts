import type { NodeAnswerCode } from '../client/node-answer-error.ts'
import type { NodeSpec, Phase, ServerSpec, SpaceSpec } from '../inventory/inventory.ts'
import type { HostFacts, Listener } from './facts.ts'

/** Everything that one look brought. Plain and immutable; the judges see nothing else. */
export interface Evidence {
  phase: Phase
  /** When the look ended, milliseconds since 1970 by the operator's clock. */
  nowMs: number
  nodes: readonly NodeEvidence[]
  tookMs: number
}

export type NodeEvidence = ServerEvidence | SpaceEvidence | LocalEvidence

export interface ServerEvidence {
  kind: 'server'
  spec: ServerSpec
  /** Each name or address that somebody has to look up to reach it, once. */
  lookups: readonly Lookup[]
  login: Login
  host: HostReading
  /** Null: its url needs no certificate. */
  tls: TlsLook | null
  answer: UrlAnswer
  /** What the host was asked to dial, in that order. */
  dials: readonly WantedDial[]
}

export interface SpaceEvidence {
  kind: 'space'
  spec: SpaceSpec
  lookups: readonly Lookup[]
  tls: TlsLook
  answer: UrlAnswer
  /** The hub's token: why it cannot be had; null: it is there. Never the token. */
  token: { problem: string; hint: string | null } | null
}

/** A node on this machine. */
export interface LocalEvidence {
  kind: 'local'
  spec: NodeSpec
  url: string
  /** Something is meant to run. */
  isMeantToRun: boolean
  /** Processes that are the node's. */
  pids: readonly number[]
  ports: readonly WantedPort[]
  /** By port name; one that is missing could not be looked at. */
  listeners: ReadonlyMap<string, readonly Listener[]>
  disk: { path: string; isWritable: boolean; freeBytes: number; freeInodes: number | null }
  memory: { totalBytes: number; availableBytes: number }
  nodeVersion: string
  answer: UrlAnswer
}

export interface Lookup {
  host: string
  /** `given`: it is an address already. `absent`: there is no such name. `unanswered`: nobody could tell. */
  result: 'given' | 'found' | 'absent' | 'unanswered'
  addresses: readonly string[]
}

/** The steps of logging in, in their order. */
export const loginSteps = ['dns', 'route', 'ssh', 'host-key', 'authentication'] as const
export type LoginStep = (typeof loginSteps)[number]

/**
 * `place`: `aethel@198.51.100.7:22`, with the hops before it. `isDialled`: the steps before `at` went
 * well; false: it failed on this machine, and the host was never asked.
 */
export type Login =
  | { kind: 'done'; place: string }
  | { kind: 'failed'; at: LoginStep; isDialled: boolean; message: string; hint: string | null }

/** What was read on a host; `unread`: why nothing was. */
export type HostReading =
  | { kind: 'read'; facts: HostFacts; clock: readonly ClockSample[] }
  | { kind: 'unread'; why: string }

export interface ClockSample {
  /** The host's clock against the operator's, to within half of `rttMs`. */
  offsetMs: number
  rttMs: number
}

export type TlsLook =
  | {
      kind: 'shown'
      /** OpenSSL's code for what is wrong with the chain; null: it leads to an authority trusted here. */
      chainProblem: string | null
      isForThisName: boolean
      issuer: string
      validFromMs: number
      validUntilMs: number
    }
  /**
   * `absent`: the name leads nowhere. `refused`: nothing listens. `no-certificate`: what listens has none
   * for that name. `not-tls`: something else answers.
   */
  | {
      kind: 'unseen'
      why: 'absent' | 'refused' | 'silent' | 'unrouted' | 'no-certificate' | 'not-tls'
      detail: string
    }

export type UrlAnswer =
  | { kind: 'ours'; release: string }
  /** It has the right key and calls itself something else. */
  | { kind: 'misnamed'; name: string }
  /** It answers as some node, and the key to know it by is not made yet. */
  | { kind: 'unproven' }
  | {
      kind: 'failed'
      code: NodeAnswerCode
      status: number | null
      message: string
      hint: string | null
    }

export type PortName = 'http' | 'p2p' | 'front' | 'plain'

export interface WantedPort {
  name: PortName
  port: number
}

export interface WantedDial {
  to: string
  transport: 'http' | 'p2p'
  host: string
  port: number
}
