import { lstat, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isAlive, isGoneWithin, signalProcess } from '../../host/process.ts'
import { TargetError } from '../errors.ts'
import { passFence } from '../placement/fence.ts'
import {
  checkSettings,
  currentGeneration,
  heldGenerations,
  keepEditedSettings,
  observeCurrent,
  placeGeneration,
  pruneGenerations,
  readContents,
  switchTo,
  switchToNothing,
} from '../placement/generations.ts'
import { generationFolder, layoutOf } from '../placement/layout.ts'
import { checkRelease, namesIn, placeRelease, pruneReleases } from '../placement/releases.ts'
import { dataIn, partsOf, removeNode } from '../placement/removal.ts'
import { settingsDigest, settingsFiles, shownSettings } from '../settings.ts'
import type {
  Contents,
  Generation,
  Holding,
  LogOptions,
  ObservedNode,
  Previous,
  Staging,
  Target,
  Teardown,
  Trace,
  Traces,
} from '../target.ts'
import { KILL_MS } from './limits.ts'
import { localLayoutOf, type LocalLayout } from './local-layout.ts'
import { readLog } from './log-file.ts'
import { keepRuntime } from './runtime.ts'
import { launchSupervisor, stopSupervised } from './supervision.ts'
import { nodeOf, observeProcess, readSupervisorState, supervisorOf } from './supervisor-state.ts'

export interface LocalPlace {
  name: string
  /** The node's folder, absolute; made when it is missing. */
  root: string
  /** The supervisor's program, absolute: `dist/cli/supervisor.mjs`. */
  supervisor: string
  /** Folder that keeps the Node.js which the node runs with, absolute; nodes share it. */
  runtime: string
}

/** A node as a supervised process on this machine, in a folder of its own. */
export class LocalTarget implements Target {
  readonly name: string
  readonly #layout: LocalLayout
  readonly #supervisor: string
  readonly #runtime: string

  constructor({ name, root, supervisor, runtime }: LocalPlace) {
    this.name = name
    this.#layout = localLayoutOf(root)
    this.#supervisor = supervisor
    this.#runtime = runtime
  }

  async observe(signal: AbortSignal): Promise<ObservedNode> {
    signal.throwIfAborted()
    const layout = this.#layout
    const found = await observeCurrent(layout)
    return {
      name: this.name,
      current: found?.current ?? null,
      contents: found?.contents ?? null,
      lacks: [],
      overrides: [],
      process: observeProcess(await readSupervisorState(layout.supervisorState)),
      held: await heldGenerations(layout),
    }
  }

  async read(generation: Generation, signal: AbortSignal): Promise<Contents> {
    signal.throwIfAborted()
    const contents = await readContents(this.#layout, generation)
    if (contents !== null) return contents
    const what = generationFolder(generation)
    throw new TargetError('not-staged', `${this.name} does not hold ${what}`)
  }

  async check(generation: Generation, signal: AbortSignal): Promise<Holding> {
    signal.throwIfAborted()
    const settings = await checkSettings(this.#layout, generation)
    return settings === 'intact' ? checkRelease(this.#layout, generation.release) : settings
  }

  async stage(staging: Staging, signal: AbortSignal): Promise<Generation> {
    const { release, settings, configDigest } = staging
    signal.throwIfAborted()
    const files = settingsFiles(settings)
    const generation = { release: release.id, settings: settingsDigest(settings) }
    await keepEditedSettings(this.#layout)
    await placeRelease(this.#layout, release)
    const shown = shownSettings(settings)
    await placeGeneration(this.#layout, { ...generation, configDigest, files: shown }, files)
    return generation
  }

  async activate(generation: Generation, fence: number, signal: AbortSignal): Promise<void> {
    await this.#switch(generation, fence, signal)
    await this.start(signal)
  }

  async restore(previous: Previous, fence: number, signal: AbortSignal): Promise<void> {
    await passFence(this.#layout, this.name, fence)
    // What a crash left half started is not in the state file yet: stopping is never skipped.
    if (previous.state === 'stopped') await this.stop(signal)
    if (await this.#is(previous)) return
    if (previous.generation === null) await switchToNothing(this.#layout)
    else if (previous.state === 'stopped') await this.#switch(previous.generation, fence, signal)
    else await this.activate(previous.generation, fence, signal)
  }

  async prune(keep: readonly Generation[], fence: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await passFence(this.#layout, this.name, fence)
    const kept = await pruneGenerations(this.#layout, keep)
    await pruneReleases(this.#layout, new Set(kept.map((generation) => generation.release)))
  }

  async stop(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await stopSupervised(this.name, this.#layout, signal)
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const state = await readSupervisorState(this.#layout.supervisorState)
    if (state !== null && isAlive(supervisorOf(state))) return
    if ((await currentGeneration(this.#layout)) === null) {
      throw new TargetError('not-deployed', `${this.name} has nothing to start`, {
        hint: 'run "aethel-lattice deploy" first',
      })
    }
    const runtime = await keepRuntime(this.#runtime)
    // A node whose supervisor was killed still holds the ports.
    await stopSupervised(this.name, this.#layout, signal)
    await launchSupervisor(this.name, this.#layout, [runtime, this.#supervisor], signal)
  }

  async kill(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const state = await readSupervisorState(this.#layout.supervisorState)
    const node = state === null ? null : nodeOf(state)
    if (node === null || !signalProcess(node, 'SIGKILL')) {
      throw new TargetError('not-running', `${this.name} is not running`, {
        hint: 'see "aethel-lattice status"',
      })
    }
    await isGoneWithin(node, KILL_MS, signal)
  }

  async liveness(signal: AbortSignal): Promise<'alive' | 'dead' | 'unknown'> {
    signal.throwIfAborted()
    const state = await readSupervisorState(this.#layout.supervisorState)
    const { pid, lastExit } = observeProcess(state)
    return lastExit === null && pid !== null ? 'alive' : 'dead'
  }

  logs(options: LogOptions, signal: AbortSignal): AsyncIterable<string> {
    return readLog(this.#layout, options, signal)
  }

  async traces(signal: AbortSignal): Promise<Traces> {
    signal.throwIfAborted()
    const { state } = observeProcess(await readSupervisorState(this.#layout.supervisorState))
    const parts = [...(await partsOf(this.#layout)), ...(await this.#runtimeOfNobodyElse())]
    const isFile = async (path: string): Promise<boolean> => !(await lstat(path)).isDirectory()
    const found = parts.map(async (name): Promise<Trace> => {
      return { kind: (await isFile(name)) ? 'file' : 'folder', name }
    })
    return {
      isRunning: state !== 'stopped',
      found: await Promise.all(found),
      data: await dataIn(this.#layout),
      stays: [],
      unseen: null,
    }
  }

  async teardown(
    { keepsData }: Teardown,
    fence: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    signal.throwIfAborted()
    await passFence(this.#layout, this.name, fence)
    await this.stop(signal)
    for (const runtime of await this.#runtimeOfNobodyElse()) {
      await rm(runtime, { recursive: true, force: true })
    }
    return removeNode(this.#layout, { keepsData })
  }

  /** What nodes run with, when no other node beside this one was ever activated. */
  async #runtimeOfNobodyElse(): Promise<string[]> {
    const { root } = this.#layout
    const nodes = dirname(root)
    for (const name of await namesIn(nodes)) {
      const isOther = join(nodes, name) !== root
      if (isOther && (await currentGeneration(layoutOf(join(nodes, name)))) !== null) return []
    }
    return (await lstat(this.#runtime).catch(() => null)) === null ? [] : [this.#runtime]
  }

  /** Stopped, on `generation`, with the folders that a start needs. */
  async #switch(generation: Generation, fence: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await passFence(this.#layout, this.name, fence)
    if ((await checkSettings(this.#layout, generation)) === 'absent') {
      const what = generationFolder(generation)
      throw new TargetError('not-staged', `${this.name} does not hold ${what}`)
    }
    await this.stop(signal)
    await keepEditedSettings(this.#layout)
    signal.throwIfAborted()
    await switchTo(this.#layout, generation)
  }

  /** Whether nothing has to be done to be `previous` again. */
  async #is(previous: Previous): Promise<boolean> {
    const current = (await observeCurrent(this.#layout))?.current
    const { state, lastExit } = observeProcess(
      await readSupervisorState(this.#layout.supervisorState),
    )
    if (current?.release !== previous.generation?.release) return false
    if (current?.settings !== previous.generation?.settings) return false
    return state === previous.state && (state !== 'running' || lastExit === null)
  }
}
