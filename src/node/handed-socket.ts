import { StartError } from './keys.ts'

/** What a manager that holds the listening socket tells the process that it starts (sd_listen_fds(3)). */
export const handedSocketVariables = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'] as const

/** File descriptors that are handed over begin here. */
const FIRST_FD = 3

/**
 * The file descriptor of the listening socket that was handed to this process; null when none was.
 *
 * @throws StartError for anything but one socket for this very process: to listen beside the one who
 *   holds the port would fail, or answer on another
 */
export function handedSocket(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | null {
  const { LISTEN_FDS: count, LISTEN_PID: meant } = environment
  if (count === undefined && meant === undefined) return null
  if (meant !== String(pid)) {
    throw new StartError(
      `LISTEN_PID is ${shown(meant)}, and this is process ${pid}: its socket was handed to another`,
      'let the service start Node.js itself, without a program between; elsewhere unset LISTEN_FDS and LISTEN_PID',
    )
  }
  if (count !== '1') {
    throw new StartError(
      `LISTEN_FDS is ${shown(count)}, and a node takes exactly one socket`,
      'give the socket unit one ListenStream=',
    )
  }
  return FIRST_FD
}

const shown = (text: string | undefined): string =>
  text === undefined ? 'not set' : JSON.stringify(text.slice(0, 40))
