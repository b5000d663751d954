import { hash } from 'node:crypto'
import { OperatorError } from '../errors.ts'
import { SETTINGS_FILE_BYTES_MAX, SETTINGS_FILES_MAX } from './limits.ts'

/** One file that a node finds in its working directory, `shared`. */
export interface SettingsFile {
  /** Relative, `/` between parts. */
  path: string
  mode: number
  text: string
}

/** All that a node is given beside its release. `secrets` are never shown, logged or planned with. */
export interface NodeSettings {
  files: readonly SettingsFile[]
  secrets: readonly SettingsFile[]
}

/** A settings file as it may be shown and kept: a secret's text is not in it. */
export interface ShownFile {
  path: string
  mode: number
  /** Null for a secret. */
  text: string | null
  /** Of the text, 64 hex. */
  sha256: string
}

/** Where a node finds the seed of its key. */
const NODE_KEY_FILE = 'node.key'

/** The name in `shared` that settings must leave alone: what the node itself writes. */
const DATA = 'data'

/** What one node is given: the files of its desired state, its key, and other secrets. */
export const nodeSettings = (
  files: readonly SettingsFile[],
  seed: string,
  secrets: readonly SettingsFile[] = [],
): NodeSettings => ({
  files,
  secrets: [{ path: NODE_KEY_FILE, mode: 0o600, text: `${seed.trim()}\n` }, ...secrets],
})

/** All files of `settings`. @throws OperatorError for one that could be placed outside `shared`. */
export function settingsFiles(settings: NodeSettings): readonly SettingsFile[] {
  const files = [...settings.files, ...settings.secrets]
  const problem = problemOf(files)
  if (problem !== null) throw new OperatorError('settings', problem, { exit: 'badInput' })
  return files
}

/** `files` without the texts of those that `isSecret`. */
export const shownFiles = (
  files: readonly SettingsFile[],
  isSecret: (path: string) => boolean,
): ShownFile[] =>
  files.map(({ path, mode, text }) => ({
    path,
    mode,
    text: isSecret(path) ? null : text,
    sha256: hash('sha256', text),
  }))

/** All of a node's settings, without the texts of secrets. */
export const shownSettings = (settings: NodeSettings): ShownFile[] => [
  ...shownFiles(settings.files, () => false),
  ...shownFiles(settings.secrets, () => true),
]

/**
 * Digest (64 hex) of files with their modes. It says whether two nodes' settings are the same and
 * cannot be turned back: the key in it has 256 random bits.
 */
export const digestOfFiles = (files: readonly SettingsFile[]): string =>
  hash(
    'sha256',
    JSON.stringify(
      files
        .map((file) => [file.path, file.mode, hash('sha256', file.text)] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
  )

export const settingsDigest = (settings: NodeSettings): string =>
  digestOfFiles(settingsFiles(settings))

function problemOf(files: readonly SettingsFile[]): string | null {
  if (files.length > SETTINGS_FILES_MAX) {
    return `a node's settings have ${files.length} files, over ${SETTINGS_FILES_MAX}`
  }
  const seen = new Set<string>()
  for (const { path, text } of files) {
    const parts = path.split('/')
    if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(path) || parts.some((part) => /^\.{1,2}$/.test(part))) {
      return `settings file ${JSON.stringify(path)}: not a path inside the node's folder`
    }
    if (parts[0] === DATA) return `settings file ${path}: ${DATA} belongs to the node`
    if (seen.has(path)) return `settings file ${path} is given twice`
    if (text.length > SETTINGS_FILE_BYTES_MAX) {
      return `settings file ${path} is over ${SETTINGS_FILE_BYTES_MAX} bytes`
    }
    seen.add(path)
  }
  return null
}
