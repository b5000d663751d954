import { glob } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { readBounded } from './bounded-file.ts'
import { CONFIG_BYTES_MAX, CONFIG_DEPTH_MAX, CONFIG_FILES_MAX } from './limits.ts'
import { includesIn, type ConfigSource } from './ssh-config-lines.ts'

/**
 * The operator's and the machine's ssh configuration, with all files that they include.
 *
 * @throws OperatorError for a file that is there and cannot be read
 */
export async function readSshConfig(home: string): Promise<readonly ConfigSource[]> {
  const reading: Reading = { home, files: 0 }
  const own = await readSource(join(home, '.ssh', 'config'), join(home, '.ssh'), reading, 0)
  const common = await readSource('/etc/ssh/ssh_config', '/etc/ssh', reading, 0)
  return [own, common].filter((source) => source !== null)
}

interface Reading {
  home: string
  files: number
}

/** `directory` is what relative paths in Include are relative to. */
async function readSource(
  path: string,
  directory: string,
  reading: Reading,
  depth: number,
): Promise<ConfigSource | null> {
  const file = await readBounded(path, CONFIG_BYTES_MAX)
  if (file === null) return null
  reading.files += 1
  if (reading.files > CONFIG_FILES_MAX || depth > CONFIG_DEPTH_MAX) throw tooMany(path)
  const included = new Map<string, ConfigSource[]>()
  for (const patterns of includesIn({ path, text: file.text })) {
    const sources: ConfigSource[] = []
    for (const pattern of patterns) {
      for (const found of await filesOf(pattern, directory, reading.home)) {
        const source = await readSource(found, directory, reading, depth + 1)
        if (source !== null) sources.push(source)
      }
    }
    included.set(patterns.join(' '), sources)
  }
  return { path, text: file.text, included }
}

async function filesOf(pattern: string, directory: string, home: string): Promise<string[]> {
  const unfolded = pattern.startsWith('~/') ? join(home, pattern.slice(2)) : pattern
  const absolute = isAbsolute(unfolded) ? unfolded : join(directory, unfolded)
  if (!/[*?[]/.test(absolute)) return [absolute]
  const found: string[] = []
  for await (const path of glob(absolute)) found.push(path)
  return found.toSorted()
}

const tooMany = (path: string): OperatorError =>
  new OperatorError('ssh-config', `${path}: more than ${CONFIG_FILES_MAX} files are included`, {
    exit: 'badInput',
    hint: 'files of the ssh configuration may include each other; look at Include',
  })
