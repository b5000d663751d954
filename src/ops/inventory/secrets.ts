import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../errors.ts'
import type { SecretReference } from './inventory.ts'
import { SECRET_BYTES_MAX, SECRET_COMMAND_MS_MAX } from './limits.ts'

/**
 * The secret that a reference names, without the line ends after it. Paths are relative to `baseDir`,
 * where commands run too.
 *
 * @throws `OperatorError` that names the reference and never what it led to; the reason of `signal`
 *   when that is aborted
 */
export async function resolveSecret(
  reference: SecretReference,
  baseDir: string,
  signal: AbortSignal,
  timeLimitMs = SECRET_COMMAND_MS_MAX,
): Promise<string> {
  signal.throwIfAborted()
  const given = await read(reference, baseDir, signal, timeLimitMs)
  const secret = given.replace(/[\r\n]+$/, '')
  if (secret.trim() === '') fail(reference, 'is empty', hints[reference.kind])
  return secret
}

/** As it stands in nodes.yaml. */
export function formatReference(reference: SecretReference): string {
  switch (reference.kind) {
    case 'env':
      return `env:${reference.name}`
    case 'file':
      return `file:${reference.path}`
    case 'cmd':
      return `cmd:${reference.argv.map(quoted).join(' ')}`
  }
}

const quoted = (word: string): string => {
  if (/^[^\s'"|&;<>()$`\\*?]+$/.test(word)) return word
  return word.includes("'") ? `"${word}"` : `'${word}'`
}

const hints = {
  env: 'set it in the shell that runs aethel-lattice',
  file: 'check the path; it is relative to the folder of nodes.yaml',
  cmd: 'run the command by hand; it must print the secret and nothing else',
} as const

function fail(reference: SecretReference, problem: string, hint: string): never {
  throw new OperatorError('no-secret', `${formatReference(reference)} ${problem}`, {
    exit: 'badInput',
    hint,
  })
}

async function read(
  reference: SecretReference,
  baseDir: string,
  signal: AbortSignal,
  timeLimitMs: number,
): Promise<string> {
  switch (reference.kind) {
    case 'env':
      return process.env[reference.name] ?? fail(reference, 'is not set', hints.env)
    case 'file':
      return readFile(reference, baseDir)
    case 'cmd':
      return run(reference, baseDir, signal, timeLimitMs)
  }
}

async function readFile(
  reference: Extract<SecretReference, { kind: 'file' }>,
  baseDir: string,
): Promise<string> {
  const path = reference.path.startsWith('~/')
    ? join(homedir(), reference.path.slice(2))
    : resolve(baseDir, reference.path)
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) =>
    fail(reference, `cannot be opened (${(error as NodeJS.ErrnoException).code})`, hints.file),
  )
  try {
    if (!(await file.stat()).isFile()) fail(reference, 'is no file', hints.file)
    const bytes = Buffer.alloc(SECRET_BYTES_MAX + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead > SECRET_BYTES_MAX) fail(reference, tooLarge, hints.file)
    return bytes.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

const tooLarge = `is larger than ${SECRET_BYTES_MAX} bytes`

const execute = promisify(execFile)

/** No shell, no input; what it prints on stderr may hold the secret too and is dropped. */
async function run(
  reference: Extract<SecretReference, { kind: 'cmd' }>,
  baseDir: string,
  signal: AbortSignal,
  timeLimitMs: number,
): Promise<string> {
  const [command = '', ...args] = reference.argv
  try {
    const running = execute(command, args, {
      cwd: baseDir,
      killSignal: 'SIGKILL',
      maxBuffer: SECRET_BYTES_MAX,
      shell: false,
      signal,
      timeout: timeLimitMs,
      windowsHide: true,
    })
    running.child.stdin?.end()
    return (await running).stdout
  } catch (error) {
    signal.throwIfAborted()
    return fail(reference, problemOf(error as ProcessError, timeLimitMs), hints.cmd)
  }
}

type ProcessError = Error & { code?: unknown; killed?: boolean }

function problemOf(error: ProcessError, timeLimitMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return tooLarge
  if (error.killed === true) return `took more than ${timeLimitMs} ms`
  if (error.code === 'ENOENT') return 'is no command that can be found'
  return typeof error.code === 'number' ? `ended with exit code ${error.code}` : 'could not be run'
}
