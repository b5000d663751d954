import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { parseListener, type Listener } from './facts.ts'
import type { LocalEvidence, WantedPort } from './evidence.ts'
import { LISTENERS_MS_MAX } from './limits.ts'

/** What this machine is like, for nodes that run on it. Works on Linux and macOS. */
export async function lookAtMachine(
  directory: string,
): Promise<Pick<LocalEvidence, 'disk' | 'memory' | 'nodeVersion'>> {
  const path = await nearestFolder(directory)
  const { bavail, bsize, files, ffree } = await statfs(path)
  return {
    disk: {
      path,
      isWritable: await isAllowed(path, constants.W_OK),
      freeBytes: bavail * bsize,
      freeInodes: files === 0 ? null : ffree,
    },
    memory: { totalBytes: totalmem(), availableBytes: availableMemory() },
    nodeVersion: process.versions.node,
  }
}

/** What the kernel could still give, where it says so. */
const availableMemory = (): number => process.availableMemory?.() ?? freemem()

const isAllowed = async (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  )

async function nearestFolder(path: string): Promise<string> {
  const above = dirname(path)
  return above === path || (await isAllowed(path, constants.F_OK)) ? path : nearestFolder(above)
}

const execute = promisify(execFile)

/** Who listens on these ports of this machine; a port that nobody could look at is missing. */
export async function lookAtPorts(
  ports: readonly WantedPort[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Listener[]>> {
  const found = await Promise.all(
    ports.map(async ({ name, port }) => {
      const listeners = (await bySs(port, signal)) ?? (await byLsof(port, signal))
      signal.throwIfAborted()
      return listeners === null ? [] : [[name, listeners] as const]
    }),
  )
  return new Map(found.flat())
}

async function bySs(port: number, signal: AbortSignal): Promise<readonly Listener[] | null> {
  const said = await outputOf('ss', ['-H', '-l', '-t', '-n', '-p', `sport = :${port}`], signal)
  if (said === null) return null
  const lines = said.split('\n').filter((line) => line !== '')
  const listeners = lines.flatMap((line) => parseListener(line) ?? [])
  return listeners.length < lines.length
    ? null
    : listeners.map(({ address, processes }) => ({
        address,
        processes: processes.map((process) => ({ ...process, cgroups: [] })),
      }))
}

/** `lsof -F`: a line a field, `p` with a process's id, then `c` with its name. */
async function byLsof(port: number, signal: AbortSignal): Promise<readonly Listener[] | null> {
  const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']
  const said = await outputOf('lsof', args, signal, 1)
  if (said === null) return null
  const processes = [...said.matchAll(/^p(\d+)\nc(.*)$/gm)].map(([, pid, name = '']) => ({
    name,
    pid: Number(pid),
    cgroups: [],
  }))
  return processes.length === 0 ? [] : [{ address: `*:${port}`, processes }]
}

/** Null when it is not there or fails. `emptyCode`: the exit code by which it says that it found nothing. */
async function outputOf(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  emptyCode?: number,
): Promise<string | null> {
  const environment = {
    ...process.env,
    LC_ALL: 'C',
    PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
  }
  try {
    const options = { env: environment, signal, timeout: LISTENERS_MS_MAX }
    return (await execute(program, args, options)).stdout
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string }
    return code === emptyCode && stdout === '' ? '' : null
  }
}
