import type { ExitReport, LogOptions } from '../targets/target.ts'

/** What runs the node on its host. systemd in earnest; tests of acts have one in memory. */
export interface ServiceManager {
  service(unit: string, signal: AbortSignal): Promise<ServiceState>
  /** A service and its socket unit, by one look at both. */
  serviceAndSocket(service: string, socket: string, signal: AbortSignal): Promise<PairState>
  /** Whether a socket unit listens. */
  isListening(unit: string, signal: AbortSignal): Promise<boolean>
  /** What `run` has to know of a service and its sockets, and of other units with them. */
  look(units: readonly string[], signal: AbortSignal): Promise<UnitLook[]>
  /** Reads unit files again. */
  reload(signal: AbortSignal): Promise<void>
  /** Has units started with the host. */
  enable(units: readonly string[], signal: AbortSignal): Promise<void>
  disable(units: readonly string[], signal: AbortSignal): Promise<void>
  /**
   * Has a service and its sockets started with the host, the sockets listen, and the service started; or
   * ended and started, while its sockets listen all the while. Resolves when its process was started, or
   * ended already. Never starts the service without its sockets: it would have no port.
   *
   * @param looked what was seen of them a moment ago; without it, they are looked at first
   * @returns what began; null: nothing lives
   */
  run(
    verb: 'start' | 'restart',
    service: string,
    sockets: readonly string[],
    signal: AbortSignal,
    looked?: readonly UnitLook[],
  ): Promise<Life | null>
  /** Resolves when the units' processes were started, or ended already. */
  start(units: readonly string[], signal: AbortSignal): Promise<void>
  /** Ends units gracefully, then by force. One that is not there is ended. */
  stop(units: readonly string[], signal: AbortSignal): Promise<void>
  /** Lets go of what is remembered of units that are gone, such as that they failed. */
  forget(units: readonly string[], signal: AbortSignal): Promise<void>
  /** Has a unit that is up read its settings again, by its own way to do so. */
  refresh(unit: string, signal: AbortSignal): Promise<void>
  /** SIGKILL to a service's main process. */
  kill(unit: string, signal: AbortSignal): Promise<void>
  /** Lines of a service's log, oldest first. */
  logs(unit: string, options: LogOptions, signal: AbortSignal): AsyncIterable<string>
}

export interface PairState {
  service: ServiceState
  isListening: boolean
  /** Absolute paths of files that change the two units, beside their own. */
  dropIns: string[]
}

export interface UnitLook {
  unit: string
  /** Its file was changed since it was read. */
  isStale: boolean
  /** It starts with the host. */
  isEnabled: boolean
  isActive: boolean
  /** Times that it was started again by itself. */
  restarts: number
  /** As in `ServiceState`; empty: it never ran. */
  invocation: string
}

/** One life of a service. */
export interface Life {
  invocation: string
  /** Null: its process is gone already. */
  pid: number | null
}

export interface ServiceState {
  /** `starting` again included; `ended`: it is down and nothing starts it by itself. */
  state: 'running' | 'starting' | 'ending' | 'ended'
  /** It would be started again when it ended. */
  isKept: boolean
  pid: number | null
  /** ISO 8601. */
  startedAt: string | null
  /** Times that it was started again by itself, since someone started it. */
  restarts: number
  lastExit: ExitReport | null
  /** One life of the process; changes whenever it is started. */
  invocation: string | null
}
