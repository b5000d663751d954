import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Actor } from '../bench/actor.ts'
import type { LinkTraffic } from '../bench/proxy.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'

/** A port of a host as it is from far away, at a port of this machine's loopback. */
export class Distance implements AsyncDisposable {
  readonly address = '127.0.0.1'
  readonly port: number
  readonly #proxy: Actor

  private constructor(port: number, proxy: Actor) {
    this.port = port
    this.#proxy = proxy
  }

  /** The host's key is known there, too: the lab's `known_hosts` gets a line. */
  static async to(lab: Lab, host: Host, port: number, rttMs: number): Promise<Distance> {
    const proxy = new Actor(fileURLToPath(new URL('../bench/proxy.ts', import.meta.url)))
    const link = { targetHost: host.address, targetPort: port, rttMs, isHeld: false }
    const distance = new Distance(await proxy.call<number>('open', link), proxy)
    const key = await readFile(join(host.place.directory, 'keys/ssh_host_ed25519_key.pub'), 'utf8')
    await appendFile(lab.files.knownHosts, `[${distance.address}]:${distance.port} ${key}`)
    return distance
  }

  /** What passed so far: connections, bytes, and how often the dialler waited for an answer. */
  traffic(): Promise<LinkTraffic> {
    return this.#proxy.call<LinkTraffic>('traffic', { port: this.port })
  }

  /** Counts anew. */
  forget(): Promise<void> {
    return this.#proxy.call('reset', { port: this.port })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#proxy.end()
  }
}
