import { stat } from 'node:fs/promises'
import { OperatorError } from '../errors.ts'
import { badBackup, readBackup } from './backup-file.ts'
import { BackupAudit, type BackupTerms, type SoundBackup } from './judge-backup.ts'
import { ENTRIES_PER_NOTE } from './limits.ts'

/** A file that was read from the disk and judged sound. */
export interface BackupFile extends SoundBackup {
  path: string
  bytes: number
}

/**
 * Reads a backup whole and recomputes it. Throws `OperatorError` (`no-backup`, `bad-backup`,
 * `foreign-backup`), or the signal's reason.
 */
export async function verifyBackup(
  path: string,
  terms: BackupTerms,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<BackupFile> {
  const audit = new BackupAudit(terms)
  let noted = 0
  for await (const frame of readBackup(path)) {
    signal.throwIfAborted()
    audit.take(frame)
    if (audit.entries - noted < ENTRIES_PER_NOTE) continue
    noted = audit.entries
    note(`${noted} entries verified`)
  }
  const verdict = audit.result()
  if (verdict.sound) return { path, bytes: (await stat(path)).size, ...verdict.backup }
  if (verdict.code === 'bad-backup') throw badBackup(path, verdict.problem)
  throw new OperatorError('foreign-backup', `${path} belongs elsewhere: ${verdict.problem}`, {
    exit: 'badInput',
    hint: 'check --file and --phase: each phase has a lattice of its own',
  })
}
