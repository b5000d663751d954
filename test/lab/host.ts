import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SmallDisk } from '../cluster/small-disk.ts'
import { clockCommand } from './clock.ts'
import { isRunning, kill, leaderOf, start, until, untilUp } from './container.ts'
import { COMMAND_MS_MAX, SHUTDOWN_MS_MAX } from './limits.ts'
import { Link } from './link.ts'
import { hostPlaceOf, type HostPlace, type Place } from './place.ts'
import { makeRoot, mountRoot, removeRoot, unmountAll, type Seed } from './root.ts'
import { attempt } from './shell.ts'

/** What a command on a host came to. */
export interface Outcome {
  /** Null when a signal or the time limit ended it. */
  code: number | null
  stdout: string
  stderr: string
}

interface ExecOptions {
  input?: string
  timeoutMs?: number
}

/** One Debian machine of a lab, with systemd as its first process. */
export class Host {
  readonly name: string
  readonly address: string
  /** Who logs in over SSH. */
  readonly user: string
  /** To fill it and to break it. */
  readonly disk: SmallDisk
  /** To cut it. */
  readonly link: Link
  readonly place: HostPlace
  readonly #seed: Seed

  constructor(
    lab: Place,
    seed: Seed,
    spec: { address: string; user: string },
    everyoneElse: readonly string[],
  ) {
    this.name = seed.name
    this.address = spec.address
    this.user = spec.user
    this.place = hostPlaceOf(lab, seed.name)
    this.disk = new SmallDisk(this.place.disk)
    this.link = new Link(this.place.namespace, everyoneElse)
    this.#seed = seed
  }

  isOn(): Promise<boolean> {
    return isRunning(this.place)
  }

  /** Runs a command as root in the host, without its network. Throws when it fails. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(argv, options)
    if (code === 0) return stdout
    throw new Error(`${this.name}: ${argv.join(' ')}: ${code ?? 'ended'}: ${stderr || stdout}`)
  }

  /** The same, for what may fail. Throws when the host is off. */
  async attempt(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    const { input = '', timeoutMs = COMMAND_MS_MAX } = options
    const enter = await this.entrance()
    const ran = await attempt({
      input,
      timeout: timeoutMs,
      timeoutSignal: 'SIGKILL',
    })`${[...enter, ...argv]}`
    return { code: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr }
  }

  /** What a command is put behind so that it runs as root in the host. */
  async entrance(): Promise<string[]> {
    const leader = await leaderOf(this.place)
    if (leader === null) throw new Error(`${this.name} is off`)
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const environment = [
      'env',
      '--ignore-environment',
      '--chdir=/root',
      path,
      'HOME=/root',
      'LANG=C.UTF-8',
    ]
    return ['nsenter', `--target=${leader}`, '--all', '--', ...environment]
  }

  /** A file of the host, on or off. */
  readFile(path: string): Promise<string> {
    return readFile(join(this.place.root, path), 'utf8')
  }

  /** Puts its clock this far from the right time, until it reboots. */
  async setClock(offsetMs: number): Promise<void> {
    await this.exec(clockCommand(this.place.root, offsetMs))
  }

  /** Boots it and waits until systemd is done. Returns the units that failed. */
  async boot(): Promise<string[]> {
    await start(this.name, this.place)
    return untilUp(this.name, this.place)
  }

  /** Restarts it in order, from within, as its own administrator would. */
  async reboot(): Promise<string[]> {
    const before = await leaderOf(this.place)
    await this.attempt(['systemctl', 'reboot'])
    await until(
      `${this.name} reboots`,
      async () => {
        const now = await leaderOf(this.place)
        return now !== null && now !== before
      },
      SHUTDOWN_MS_MAX,
    )
    return untilUp(this.name, this.place)
  }

  /** Switches it off in order. */
  async shutDown(): Promise<void> {
    await this.attempt(['systemctl', 'poweroff'])
    await until(`${this.name} is off`, async () => !(await this.isOn()), SHUTDOWN_MS_MAX)
  }

  /** Pulls its plug: every process is gone at once, and what was not synced is lost. */
  async powerOff(): Promise<void> {
    this.disk.loseUnsynced()
    await kill(this.place.cgroup)
    await unmountAll([this.place.root, this.place.disk])
    this.disk.mount()
    await mountRoot(this.place, this.#seed.baseTree)
  }

  /** Checks the disk of the host, which is off, as a rescue system does. Nothing else may use it meanwhile. */
  async mendDisk(): Promise<void> {
    await unmountAll([this.place.root])
    this.disk.mend()
    await mountRoot(this.place, this.#seed.baseTree)
  }

  /** A new machine of the same name, address and host keys, as the lab began. */
  async reset(): Promise<string[]> {
    await kill(this.place.cgroup)
    await this.link.heal()
    await removeRoot(this.place)
    return this.install()
  }

  /** Makes its disk and boots it. */
  async install(): Promise<string[]> {
    await makeRoot(this.place, this.#seed)
    return this.boot()
  }
}
