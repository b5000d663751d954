import type { Manifest } from '../../wire/manifest.ts'
import type { ArtifactEdit, Release } from '../release/artifact.ts'
import type { NodeSettings, ShownFile } from './settings.ts'

/**
 * Where a node lives. The room `targets` owns the acts on one node: look, put files there, switch,
 * start, stop. It decides nothing (which node, in which order, whether it went well: `rollout`).
 */

/** A release with the settings it runs with: what a node is switched to, and back from, as one. */
export interface Generation {
  release: string
  /** Digest of the settings, 64 hex. */
  settings: string
}

export interface HeldGeneration extends Generation {
  /** Version of the release, as its manifest tells it. */
  version: string
  /** Configuration digest that a node running it reports; null for settings edited by hand. */
  configDigest: string | null
}

/** What is put on a node. */
export interface Staging {
  release: Release
  settings: NodeSettings
  configDigest: string
}

/**
 * `running`: up. `failing`: it is meant to be up, but is down now, exits again and again, or is up
 * without anything that would restart it. `stopped`: down, and nobody restarts it.
 */
export type ProcessState = 'running' | 'failing' | 'stopped'

/** What a generation consists of, as far as it may be shown. */
export interface Contents {
  settings: readonly ShownFile[]
  /** The release's files as its manifest lists them; null when the manifest cannot be read. */
  release: Manifest['files'] | null
}

/** What the node is switched to as it lies there now, edits by hand included. */
export interface ObservedContents extends Contents {
  /** Settings as they were activated: the same, or what was edited since; null when that is not known. */
  activated: readonly ShownFile[] | null
  /** Files of the release that are not as its manifest lists them. */
  releaseEdits: readonly ArtifactEdit[]
}

/** What was found on one node. Everything here is fact; nothing is compared with what is wanted. */
export interface ObservedNode {
  name: string
  /** What the node is switched to; null before its first activation. */
  current: ObservedGeneration | null
  /** What `current` consists of; null without one. For showing: no decision rests on it. */
  contents: ObservedContents | null
  /** What the place lacks and the first staging brings, in words: `Node.js 26.10.0`, `user x`. */
  lacks: readonly string[]
  /**
   * Absolute paths of files, not ours, by which someone changed how it is run: drop-ins of its units. They
   * are told and left.
   */
  overrides: readonly string[]
  process: ObservedProcess
  /** Every generation that the node can be switched to, `current` among them. */
  held: readonly HeldGeneration[]
}

/** `settings` is the digest of what the node would read now, edits by hand included. */
export interface ObservedGeneration extends HeldGeneration {
  /** The release's files are the ones that its id stands for. */
  isReleaseIntact: boolean
  /** The settings are as they were activated. */
  areSettingsIntact: boolean
}

export interface ObservedProcess {
  state: ProcessState
  /** What restarts it is there. False while it has a `pid`: it runs unsupervised. */
  isSupervised: boolean
  pid: number | null
  /** Start of the running process, ISO 8601. */
  startedAt: string | null
  /** Restarts since it was activated or started. */
  restarts: number
  /** How it last ended since then. */
  lastExit: ExitReport | null
}

export interface ExitReport {
  code: number | null
  signal: string | null
  /** Why it could not even start. */
  error: string | null
  at: string
}

/** What a node was before a rollout touched it, and shall be again when that fails. */
export interface Previous {
  generation: Generation | null
  /** What it reported, as far as it is known. */
  configDigest: string | null
  state: ProcessState
}

/** Whether a node can be switched to a generation as it lies there. */
export type Holding = 'intact' | 'damaged' | 'absent'

export interface LogOptions {
  /** Lines from the end. */
  lines: number
  /** Go on with new lines until the signal aborts. */
  follow: boolean
}

/**
 * One node's place. All methods take an AbortSignal and throw its reason; each has limits of its own.
 * `fence` is the token of the lock that the caller holds: a target remembers the highest that it saw
 * and refuses a lower one (`FencedError`), so that a command which was believed dead cannot act late.
 * No method shows a secret in an error.
 *
 * A crash inside any method leaves the node on its old or its new generation, whole, running or
 * stopped; `observe` then tells which, and calling the method again completes it.
 */
export interface Target {
  readonly name: string

  /** Reads and changes nothing. Throws when the host cannot be reached. */
  observe(signal: AbortSignal): Promise<ObservedNode>

  /** What a held generation consists of. Changes nothing. @throws `not-staged` */
  read(generation: Generation, signal: AbortSignal): Promise<Contents>

  /** Hashes all of one generation again. Changes nothing. */
  check(generation: Generation, signal: AbortSignal): Promise<Holding>

  /**
   * Puts a release and settings beside the running ones and repairs damaged files. The running node
   * is not touched. Staging the same again changes nothing.
   * A crash leaves unfinished files that nothing refers to; the next `stage` or `prune` removes them.
   */
  stage(staging: Staging, signal: AbortSignal): Promise<Generation>

  /**
   * Stops the node, switches release and settings in one atomic act, and starts it. Resolves when the
   * process was started, which does not mean that it works. Data are never touched.
   * A crash leaves the node stopped or started, on the old or on the new generation, never on a mix.
   */
  activate(generation: Generation, fence: number, signal: AbortSignal): Promise<void>

  /**
   * Brings back what was before: the generation, and whether it ran. Without a generation the node is
   * stopped and switched to nothing. Does nothing where nothing changed.
   */
  restore(previous: Previous, fence: number, signal: AbortSignal): Promise<void>

  /** Removes every generation but `keep` and the current one, and files that no kept one uses. */
  prune(keep: readonly Generation[], fence: number, signal: AbortSignal): Promise<void>

  /** Ends the node gracefully, by force after a limit, and whatever restarts it. Idempotent. */
  stop(signal: AbortSignal): Promise<void>

  /** Starts the current generation; does nothing when it is already kept running. */
  start(signal: AbortSignal): Promise<void>

  /** kill -9 of the node's process, for drills; what restarts it stays. */
  kill(signal: AbortSignal): Promise<void>

  /** `dead`: the process exited since it was activated or started, even if it runs again. */
  liveness(signal: AbortSignal): Promise<'alive' | 'dead' | 'unknown'>

  /** Lines of the node's log, oldest first. */
  logs(options: LogOptions, signal: AbortSignal): AsyncIterable<string>

  /** What of the node is there, for those who mean to remove it. Changes nothing. */
  traces(signal: AbortSignal): Promise<Traces>

  /**
   * Stops the node and removes it from where it lives, its data only when they are not kept.
   * A crash leaves less than there was; asked again, the rest goes.
   *
   * @returns paths among its files that are not ours, and stay
   */
  teardown(how: Teardown, fence: number, signal: AbortSignal): Promise<readonly string[]>
}

/** Something of a node, as a person finds it where the node lives. */
export interface Trace {
  kind: 'file' | 'folder' | 'user'
  name: string
}

export interface DataTrace {
  path: string
  /** Null: nobody counted. */
  files: number | null
  bytes: number | null
}

/** All that a teardown finds. */
export interface Traces {
  isRunning: boolean
  /** What goes, in that order. */
  found: readonly Trace[]
  /** Null: there are none. */
  data: DataTrace | null
  /** What was brought or made for the node and stays, each with the reason. */
  stays: readonly string[]
  /** Why more may be there than is told; null: this is all. */
  unseen: string | null
}

export interface Teardown {
  keepsData: boolean
}
