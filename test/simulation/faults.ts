import type { Retired } from '../../src/node/replica/contract.ts'
import { NO_PREVIOUS, signEntry, type Entry, type SignedEntry } from '../../src/wire/entry.ts'
import type { Agenda } from './agenda.ts'
import { Chance } from './chance.ts'
import type { Invariants } from './invariants.ts'
import { isSignedLie, Liar } from './lies.ts'
import type { SimulatedLungs } from './lungs.ts'
import { keyOf } from './members.ts'
import type { Network } from './network.ts'
import { WALL_START_MS, type SimulatedNode } from './node.ts'
import type { Cut, Fault, Plan } from './plan.ts'
import type { Sightings } from './sightings.ts'

/** A disk is not lost and made anew in less than the lead of a clock floor. */
const NEW_DISK_AFTER_MS = 1000
const SUBJECT = 0x666c74

interface Scene {
  agenda: Agenda
  network: Network
  lungs: SimulatedLungs
  nodes: readonly SimulatedNode[]
  invariants: Invariants
  sightings: Sightings
  start: (node: SimulatedNode) => void
}

/** Carries out what a plan says goes wrong, and takes it back when its time is over. */
export class Faults {
  readonly #scene: Scene
  readonly #seed: number
  /** What is left to do when everything else has been put right. */
  readonly #atEnd: (() => void)[] = []
  /** Everybody knows everything: nothing may be lost by a retirement any more. */
  #isStrict = false

  constructor(plan: Plan, scene: Scene) {
    this.#scene = scene
    this.#seed = plan.seed
    for (const [number, fault] of plan.faults.entries()) this.#arm(fault, number)
  }

  /** What stays as it is until someone puts it right. */
  end(): void {
    for (const node of this.#scene.nodes) {
      node.wallOffsetMs = 0
      node.disarmCrash()
    }
    for (const act of this.#atEnd) act()
  }

  /** The node is stopped, its disk is no more, and it comes back with a new one. */
  replaceDisk(node: SimulatedNode, afterMs = NEW_DISK_AFTER_MS): void {
    const { agenda, invariants, sightings, start } = this.#scene
    node.die(null)
    sightings.see('disk lost')
    invariants.losing(node)
    node.loseDisk()
    agenda.after(afterMs, () => {
      // On a host whose clock is not behind what it was: no disk remembers what was promised by it.
      if (node.isWithoutDisk) node.wallOffsetMs = node.wallOffsetMsMax
      node.isWithoutDisk = false
      start(node)
    })
  }

  /** Every directory that was lost is declared gone. */
  retireAll(): void {
    this.#isStrict = true
    for (const node of this.#scene.nodes)
      for (const incarnation of node.lostIncarnations) this.#retire(node, incarnation)
  }

  retired(node: SimulatedNode, result: Retired): void {
    const { invariants, sightings } = this.#scene
    const isRefused = 'refusal' in result
    sightings.see(isRefused ? 'retirement refused' : 'directory retired')
    if (this.#isStrict && isRefused && result.refusal !== 'unknown')
      invariants.fail(node, `refuses to retire a lost directory: ${result.refusal}`)
  }

  #retire(node: SimulatedNode, incarnation: string): void {
    const { core } = node
    if (core === null) return
    const author = core.author.slice(0, -incarnation.length) + incarnation
    // Said too early it ends the log where this node knows it, and what others hold of it is left out.
    if (!this.#isStrict)
      this.#scene.invariants.contest(author, core.logs.sizeOf(author), 'retired', 0)
    node.step({ kind: 'retire', ticket: 0, incarnation })
  }

  /** Another chain of entries of this node's own, signed with its key, for some to see. */
  #fork(node: SimulatedNode, fault: Extract<Fault, { kind: 'fork' }>): void {
    const { agenda, lungs, invariants } = this.#scene
    const { core, lattice } = node
    if (core === null) return
    const { author } = core
    const log = node.drive.logs().get(author) ?? []
    const from = Math.max(0, log.length - fault.back)
    const last = log[from - 1]
    invariants.contest(author, from, 'forked', (last?.entry.hlc ?? 0) + 1)
    const entries: SignedEntry[] = []
    for (let seq = from; seq < from + fault.count; seq++) {
      const before = entries.at(-1) ?? last
      const entry: Entry = {
        lattice: lattice.id,
        author,
        seq,
        prev: before?.id ?? NO_PREVIOUS,
        hlc: Math.max((before?.entry.hlc ?? 0) + 1, (WALL_START_MS + agenda.nowMs) * 1000),
        intent: { kind: 'transfer', from: 'Alice', to: 'Bob', amount: seq + 1 },
      }
      entries.push(signEntry(entry, keyOf(lattice, node.index).sign))
    }
    const show = (side: readonly number[]): void => {
      for (const index of new Set(side.map((number) => this.#nodeOf(number).index)))
        lungs.tell(node, this.#nodeOf(index), { kind: 'entries', entries })
    }
    show(fault.side)
    if (!fault.isShown) return
    const showAll = (): void => show(this.#scene.nodes.map(({ index }) => index))
    agenda.after(fault.forMs, showAll)
    this.#atEnd.push(showAll)
  }

  #arm(fault: Fault, number: number): void {
    const { agenda, network, lungs } = this.#scene
    const chance = new Chance(this.#seed, SUBJECT + number)
    const during = (begin: () => void, end: () => void): void => {
      agenda.at(fault.atMs, begin)
      if ('forMs' in fault) agenda.at(fault.atMs + fault.forMs, end)
    }
    if (fault.kind === 'cut' || fault.kind === 'split') {
      const links = fault.kind === 'cut' ? this.#linksOf(fault) : this.#linksAcross(fault.side)
      const cut = (isCut: boolean): void => {
        lungs.unsettle()
        for (const [from, to] of links) network.cut(from, to, fault.lungs, isCut)
      }
      return during(
        () => cut(true),
        () => cut(false),
      )
    }
    if (fault.kind === 'noise') {
      return during(
        () => network.disturb(fault.lossPermille, fault.spreadMs),
        () => network.disturb(0, 0),
      )
    }
    return this.#armNode(fault, this.#nodeOf(fault.node), chance, during)
  }

  #armNode(
    fault: Exclude<Fault, { kind: 'cut' | 'split' | 'noise' }>,
    node: SimulatedNode,
    chance: Chance,
    during: (begin: () => void, end: () => void) => void,
  ): void {
    const { agenda, lungs, invariants, sightings, start } = this.#scene
    switch (fault.kind) {
      case 'crash':
        return during(
          () => {
            if (node.isRunning) sightings.see('crash')
            node.crash(fault.moment, fault.forMs)
          },
          () => node.disarmCrash(),
        )
      case 'wipe':
        return during(
          () => this.replaceDisk(node, fault.forMs),
          () => {},
        )
      case 'rot':
        return during(
          () => {
            node.die(fault.forMs)
            node.drive.damage(fault.damage, chance)
            invariants.expectRefusals()
          },
          () => {},
        )
      case 'disk':
        return during(
          () => (node.drive.failure = fault.failure),
          () => {
            node.drive.failure = null
            start(node)
          },
        )
      case 'slow-disk':
        return during(
          () => (node.drive.writeMs = fault.writeMs),
          () => (node.drive.writeMs = 0),
        )
      case 'p2p-stop':
        return during(
          () => lungs.p2pStopped(node, true),
          () => lungs.p2pStopped(node, false),
        )
      case 'clock':
        return agenda.at(fault.atMs, () => {
          sightings.see('clock jumped')
          node.wallOffsetMs = fault.toMs
        })
      case 'fork':
        return agenda.at(fault.atMs, () => this.#fork(node, fault))
      case 'retire':
        return agenda.at(fault.atMs, () => {
          const incarnation = node.lostIncarnations.at(-1)
          if (incarnation !== undefined) this.#retire(node, incarnation)
        })
      case 'policy': {
        const setPolicy = (policy: SimulatedNode['policy']): void => {
          node.policy = policy
          node.step({ kind: 'policy', policy, reason: 'drill' })
        }
        return during(
          () => setPolicy(fault.policy),
          () => setPolicy('auto'),
        )
      }
      case 'release': {
        const restart = (release: SimulatedNode['releaseName']): void => {
          node.releaseName = release
          node.die(0)
        }
        return during(
          () => {
            sightings.see('other release')
            restart(fault.release)
          },
          () => restart('ours'),
        )
      }
      case 'lies': {
        const liar = new Liar(fault.lie, fault.oneIn, node.lattice, node.index, chance)
        return during(
          () => {
            node.liar = liar
            invariants.distrust(node, fault.lie)
          },
          () => {
            sightings.see('lie told', liar.told)
            if (node.liar === liar) node.liar = null
            // Its own word stands against it: only another directory is believed.
            if (isSignedLie(fault.lie)) this.replaceDisk(node)
          },
        )
      }
    }
  }

  #nodeOf(number: number): SimulatedNode {
    const { nodes } = this.#scene
    const node = nodes[number % nodes.length]
    if (node === undefined) throw new RangeError(`no node ${number}`)
    return node
  }

  #linksOf({
    link: [a, b],
    isOneWay,
  }: {
    link: readonly [number, number]
    isOneWay: boolean
    lungs: Cut
  }): [number, number][] {
    const [from, to] = [this.#nodeOf(a).index, this.#nodeOf(b).index]
    if (from === to) return []
    return isOneWay
      ? [[from, to]]
      : [
          [from, to],
          [to, from],
        ]
  }

  #linksAcross(side: readonly number[]): [number, number][] {
    const inside = new Set(side.map((number) => this.#nodeOf(number).index))
    const links: [number, number][] = []
    for (const { index: from } of this.#scene.nodes) {
      for (const { index: to } of this.#scene.nodes)
        if (inside.has(from) !== inside.has(to)) links.push([from, to])
    }
    return links
  }
}
