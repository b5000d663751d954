import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const IN_USE = 'in use\n'
const LOG_LOST = 'its write-ahead log was lost\n'

/**
 * Tells a database whose write-ahead log was taken away from one that was closed: a file that is there for
 * as long as the database is open and its log exists. SQLite itself would go on without the log, with what
 * the database was before; and the node would write again what it had written, as something else.
 */
export class OpenMark {
  readonly #file: string
  readonly #logFile: string
  readonly #isLogLost: boolean
  #isMade = false

  /** Before the database is opened, which makes a new log. */
  constructor(databaseFile: string) {
    this.#file = markOf(databaseFile)
    this.#logFile = `${databaseFile}-wal`
    const text = existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : ''
    this.#isLogLost = text === LOG_LOST || (text !== '' && !existsSync(this.#logFile))
    if (this.#isLogLost) writeFileSync(this.#file, LOG_LOST)
  }

  get isLogLost(): boolean {
    return this.#isLogLost
  }

  /** After a commit: the log exists. */
  make(): void {
    if (this.#isMade || this.#isLogLost) return
    writeFileSync(this.#file, IN_USE, { mode: 0o600 })
    this.#isMade = true
  }

  /** Before the database is closed, which takes the log away. What was lost stays lost. */
  remove(): void {
    if (!this.#isLogLost) rmSync(this.#file, { force: true })
  }
}

/** The mark of a database file. */
export const markOf = (databaseFile: string): string => `${databaseFile}-open`
