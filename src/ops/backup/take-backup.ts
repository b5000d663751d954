import { access, link, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AuthorId } from '../../wire/author.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import { covers } from '../../wire/frontier.ts'
import { encodeFrame, prefixed, type SyncFrame } from '../../wire/sync.ts'
import type { NodeClient } from '../client/node-client.ts'
import { OperatorError } from '../errors.ts'
import { flushDirectory, unfinishedPath } from '../host/durable-file.ts'
import type { BackupTerms } from './judge-backup.ts'
import { ENTRIES_PER_NOTE } from './limits.ts'
import { verifyBackup, type BackupFile } from './verify-backup.ts'

/**
 * Writes everything that a node gives away to `path`, once what lies on the disk was judged sound. The
 * file is whole or not there; one that is there already is never touched. Throws `OperatorError`,
 * `NodeAnswerError`, or the signal's reason; a crash may leave an unfinished file beside it.
 */
export async function takeBackup(
  client: NodeClient,
  path: string,
  terms: BackupTerms,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<BackupFile> {
  await refuseExisting(path)
  const unfinished = unfinishedPath(dirname(path))
  try {
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await pullInto(file, client, signal, note)
      await file.sync()
    } finally {
      await file.close()
    }
    const backup = await verifyBackup(unfinished, terms, signal, note)
    await publish(unfinished, path)
    return { ...backup, path }
  } finally {
    await rm(unfinished, { force: true })
  }
}

/** Throws `OperatorError` when there is something at `path`. */
export async function refuseExisting(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) throw exists(path)
}

/** A name that was taken meanwhile stays whose it is: unlike a rename, a link replaces nothing. */
async function publish(unfinished: string, path: string): Promise<void> {
  await link(unfinished, path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? exists(path) : error
  })
  await rm(unfinished)
  await flushDirectory(dirname(path))
}

/** One answer carries a limited number of entries, and more come meanwhile: asks until it has what was signed. */
async function pullInto(
  file: FileHandle,
  client: NodeClient,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  const write = async (frame: SyncFrame): Promise<void> => {
    await file.appendFile(prefixed(encodeFrame(frame)))
  }
  const frontier = new Map<AuthorId, number>()
  let entries = 0
  let noted = 0
  for (;;) {
    const before = entries
    let signed: SignedCheckpoint | null = null
    for await (const frame of client.pull(frontier, signal)) {
      await write(frame)
      if (frame.kind === 'checkpoint') signed ??= frame.checkpoint
      if (frame.kind !== 'entries') continue
      for (const { entry } of frame.entries) frontier.set(entry.author, entry.seq + 1)
      entries += frame.entries.length
      if (entries - noted < ENTRIES_PER_NOTE) continue
      noted = entries
      note(`${entries} entries read`)
    }
    if (signed !== null && covers(frontier, signed.checkpoint.frontier)) {
      return write({ kind: 'checkpoint', checkpoint: signed })
    }
    if (entries === before) {
      throw new OperatorError(
        'incomplete',
        `${client.name} does not give away all that it signed`,
        {
          hint: 'see "aethel-lattice verify-triangle", or back up another node',
        },
      )
    }
  }
}

const exists = (path: string): OperatorError =>
  new OperatorError('file-exists', `${path} is there already, and is never overwritten`, {
    exit: 'badInput',
    hint: 'name another file',
  })
