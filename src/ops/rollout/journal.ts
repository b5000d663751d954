import { mkdir, open, readFile, rename, stat, truncate, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { JournalError } from './errors.ts'
import { journalRecord, type JournalRecord } from './journal-record.ts'
import { JOURNAL_BYTES_MAX } from './limits.ts'

/**
 * What a rollout did, so that the next command can finish or revert it. Written only under the lock.
 */
export interface Journal {
  /** Resolves when the records are on disk. @throws JournalError */
  append(records: readonly JournalRecord[]): Promise<void>
  /** All records, oldest first. @throws JournalError when one before the last is not readable */
  read(): Promise<JournalRecord[]>
}

/** A journal as a file of JSON lines. A crash leaves at most an unfinished last line, which counts as not written. */
export class JournalFile implements Journal {
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    const after = this.#writing.then(async () => this.#write(records))
    this.#writing = after.catch(() => undefined)
    await after
  }

  async read(): Promise<JournalRecord[]> {
    const lines = (await this.#text()).split('\n')
    // What follows the last line end is empty, or was never finished.
    return lines.slice(0, -1).map((line, index) => this.#parse(line, index + 1))
  }

  async #write(records: readonly JournalRecord[]): Promise<void> {
    let file: FileHandle | undefined
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      if (records[0]?.type === 'begin') await this.#makeRoom()
      await this.#cutUnfinished()
      file = await open(this.#path, 'a', 0o600)
      await file.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''))
      await file.sync()
    } catch (error) {
      throw new JournalError('journal', `${this.#path} cannot be written`, {
        hint: 'free some space or mend the folder; the next deploy first reverts what is half done',
        cause: error,
      })
    } finally {
      await file?.close()
    }
  }

  async #makeRoom(): Promise<void> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    )
    if (size > JOURNAL_BYTES_MAX) await rename(this.#path, `${this.#path}.old`)
  }

  async #cutUnfinished(): Promise<void> {
    const text = await this.#text()
    const end = text.lastIndexOf('\n') + 1
    if (end < text.length) await truncate(this.#path, Buffer.byteLength(text.slice(0, end)))
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  #parse(line: string, number: number): JournalRecord {
    try {
      return journalRecord.parse(JSON.parse(line))
    } catch (error) {
      throw new JournalError('journal', `${this.#path}, line ${number}: not a record of ours`, {
        exit: 'badInput',
        hint: 'look at the nodes with "aethel-lattice status"; if all is well, move the file away',
        cause: error,
      })
    }
  }
}
