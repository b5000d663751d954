import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { KEY_FILE_BYTES_MAX } from './limits.ts'

/** Bytes of a node's seed and of the operator's token; 64 hex characters and a line end in the file. */
const KEY_BYTES = 32

const refuse = (code: string, message: string, hint: string, cause?: unknown): never => {
  throw new OperatorError(code, message, { exit: 'badInput', hint, cause })
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/**
 * The 64 hex characters of a key file; null when there is no such file.
 *
 * @throws `OperatorError` for a file that others may read, or that holds something else; the message
 *   never repeats what it holds
 */
export async function readKeyFile(path: string): Promise<string | null> {
  let file
  try {
    // Not blocking: a FIFO without a writer would hold the open for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    return refuse(
      'unreadable-key',
      `${path} cannot be opened`,
      'check its owner and permissions',
      error,
    )
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) refuse('malformed-key', `${path} is no file`, 'move it away')
    if (!isPrivate(stats.mode)) {
      refuse(
        'exposed-key',
        `${path} can be read by others (mode ${octal(stats.mode)})`,
        `chmod 600 ${path}; if others had access, make a new key`,
      )
    }
    const bytes = Buffer.alloc(KEY_FILE_BYTES_MAX)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    const [, key] = /^([0-9a-f]{64})\r?\n?$/.exec(bytes.toString('latin1', 0, bytesRead)) ?? []
    return (
      key ??
      refuse(
        'malformed-key',
        `${path} is not 64 lower-case hex characters`,
        'restore it from a backup; if it was never used, remove it and run "aethel-lattice keys"',
      )
    )
  } finally {
    await file.close()
  }
}

/**
 * Makes a key file with 32 random bytes, if there is none. An existing file stays as it is, whoever
 * made it and when: the key appears under its name whole and on disk, or not at all. A crash leaves
 * at worst a `.new` file that nothing reads.
 *
 * @returns whether it was made
 */
export async function makeKeyFile(path: string): Promise<boolean> {
  const directory = dirname(path)
  await makePrivateDirectory(directory)
  if ((await readKeyFile(path)) !== null) return false

  const draft = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.new`)
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(KEY_BYTES).toString('hex')}\n`)
    await file.chmod(0o600)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // A rename would replace the key of another command that runs at this moment; a link cannot.
    await link(draft, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
  await syncDirectory(directory)
  return true
}

async function makePrivateDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (made !== undefined) {
    // Whatever repository this lies in, `git add .` leaves it alone.
    await writeFile(join(made, '.gitignore'), '*\n')
    await syncDirectory(dirname(made))
  }
  const { mode } = await stat(directory)
  if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
    refuse(
      'exposed-key',
      `${directory} can be written by others (mode ${octal(mode)})`,
      `chmod 700 ${directory}`,
    )
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories; its file system journals names itself.
  if (process.platform === 'win32') return
  const handle = await open(directory)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const isPrivate = (mode: number): boolean => process.platform === 'win32' || (mode & 0o077) === 0

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')
