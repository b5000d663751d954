import type { Mutant } from '../mutant.ts'

/** What was acknowledged or promised does not survive. */
export const durability: readonly Mutant[] = [
  {
    id: 'durability.sync-off',
    about: 'a commit does not wait for the disk',
    file: 'src/node/store/database.ts',
    find: `'PRAGMA synchronous = FULL'`,
    replace: `'PRAGMA synchronous = OFF'`,
  },
  {
    id: 'durability.shared-directory',
    about: 'two processes may have one directory open',
    file: 'src/node/store/database.ts',
    find: `'PRAGMA locking_mode = EXCLUSIVE'`,
    replace: `'PRAGMA locking_mode = NORMAL'`,
  },
  {
    id: 'durability.stump-is-empty',
    about: 'the stump of a damaged file is taken for a new, empty store',
    file: 'src/node/store/database.ts',
    find: `const DATABASE_BYTES_MIN = 512`,
    replace: `const DATABASE_BYTES_MIN = 0`,
  },
  {
    id: 'durability.empty-is-new',
    about: 'an empty database in place of the store is taken for a new one',
    file: 'src/node/store/database.ts',
    find: 'if (format === 0) throw corrupt(`${file} is no store: it is an empty database`)',
    replace: 'if (format === 0) database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT`)',
  },
  {
    id: 'durability.unopened-ends-the-process',
    about: 'a file that cannot be opened as a database ends the process, so nobody can repair it',
    file: 'src/node/durable-replica.ts',
    find: `    this.#engine = this.#start()
  }

  /** Throws`,
    replace: `    this.#store = this.#openStore()
    this.#engine = this.#start()
  }

  /** Throws`,
  },
  {
    id: 'durability.log-taken-away',
    about: 'goes on from what a store was before its write-ahead log was taken away',
    file: 'src/node/store/open-mark.ts',
    find: `(text !== '' && !existsSync(this.#logFile))`,
    replace: `(text !== '' && !existsSync(this.#file))`,
  },
  {
    id: 'durability.let-out-first',
    about: 'acknowledges and sends before the commit',
    file: 'src/node/engine.ts',
    find: `    if (!this.#commit(readies, now)) return
    for (const output of readies.flatMap((ready) => ready.outputs)) this.#carryOut(output)
`,
    replace: `    for (const output of readies.flatMap((ready) => ready.outputs)) this.#carryOut(output)
    if (!this.#commit(readies, now)) return
`,
  },
  {
    id: 'durability.last-step-only',
    about: 'commits only the entries of the last step of a turn',
    file: 'src/node/engine.ts',
    find: `entries: readies.flatMap((ready) => ready.entries),`,
    replace: `entries: readies.at(-1)?.entries ?? [],`,
  },
  {
    id: 'durability.failed-commit-let-out',
    about: 'sends what a failed commit did not make durable',
    file: 'src/node/engine.ts',
    find: `      this.#handlers.onFailed(error as Error)
      return false`,
    replace: `      this.#handlers.onFailed(error as Error)
      return true`,
  },
  {
    id: 'durability.reserve-overwritten',
    about: 'a later step of the turn makes the reserved clock forgotten',
    file: 'src/node/engine.ts',
    find: `(last, ready) => ready.reservedClock ?? last,`,
    replace: `(_, ready) => ready.reservedClock,`,
  },
  {
    id: 'durability.reserve-alone-unwritten',
    about: 'a reserved clock is written only when something else is',
    file: 'src/node/engine.ts',
    find: `      batch.staleSnapshotsHlc !== null ||
      batch.reservedClock !== null
`,
    replace: `      batch.staleSnapshotsHlc !== null
`,
  },
  {
    id: 'durability.reserve-forgotten',
    about: 'promises a clock that is not reserved on the disk',
    file: 'src/node/replica/core.ts',
    find: `this.#ready.reservedClock = reserve`,
    replace: `void reserve`,
  },
  {
    id: 'durability.restart-below-reserve',
    about: 'a restart goes on from the last entry, not from what was promised',
    file: 'src/node/replica/hybrid-clock.ts',
    find: `this.#last = Math.max(lastHlc, reserved)`,
    replace: `this.#last = lastHlc`,
  },
  {
    id: 'durability.half-a-batch',
    about: 'keeps the part of a batch that came before the failure',
    file: 'src/node/store/store.ts',
    find: `this.#database.exec('ROLLBACK')`,
    replace: `this.#database.exec('COMMIT')`,
  },
  {
    id: 'durability.removed-file',
    about: 'goes on writing to a file that was removed',
    file: 'src/node/store/store.ts',
    find: `  commit(batch: Batch, wallMs: number): void {
    this.#assertInPlace()
`,
    replace: `  commit(batch: Batch, wallMs: number): void {
`,
  },
  {
    id: 'durability.one-incarnation',
    about: 'a directory that was lost and begun anew reuses its numbers',
    file: 'src/node/store/store.ts',
    find: `toHex(randomBytes(INCARNATION_BYTES))`,
    replace: `toHex(randomBytes(INCARNATION_BYTES).fill(0))`,
  },
  {
    id: 'durability.end-not-noted',
    about: 'does not note how many entries of a log there are',
    file: 'src/node/store/entry-table.ts',
    find: `    for (const [number, size] of sizes) this.#upsertSize.run(sizeKey(number), String(size))
`,
    replace: '',
  },
  {
    id: 'durability.chain-not-audited',
    about: 'reads an entry that does not follow from the one before it',
    file: 'src/node/store/audit.ts',
    find: `if (signed.entry.prev !== prev)`,
    replace: `if (signed.entry.prev.length !== prev.length)`,
  },
  {
    id: 'durability.signature-not-audited',
    about: 'reads old entries without their signatures even where all are asked for',
    file: 'src/node/store/entry-table.ts',
    find: `signatures === 'all' ? 0 : (to ?? committed ?? 0) - SIGNATURES_AT_START`,
    replace: `(to ?? committed ?? 0) - SIGNATURES_AT_START`,
  },
  {
    id: 'durability.salvaged-unseen',
    about: 'takes old entries out of a damaged store without their signatures',
    file: 'src/node/store/salvage.ts',
    find: `yield* table.audited(author, 0, null, 'all')`,
    replace: `yield* table.audited(author, 0, null, 'newest')`,
  },
  {
    id: 'durability.state-not-audited',
    about: 'reads the whole store and does not compare the state that comes of it',
    file: 'src/node/store-audit.ts',
    find: `if (ledger.accounts.root() !== core.ledger.accounts.root())`,
    replace: `if (ledger.accounts.size !== core.ledger.accounts.size)`,
  },
  {
    id: 'durability.loss-not-audited',
    about: 'does not notice that the store holds less than the process',
    file: 'src/node/store-audit.ts',
    find: `if (!covers(read, withoutCuts(before)))`,
    replace: `if (!covers(before, withoutCuts(read)))`,
  },
  {
    id: 'rebuild.not-looked-at',
    about: 'makes a state of whatever entries are left on the disk',
    file: 'src/node/store/store.ts',
    find: `this.#entries.audited(author, sizeAt(from, author), size, 'newest'),`,
    replace: `this.#entries.range(author, sizeAt(from, author), size),`,
  },
  {
    id: 'rebuild.end-not-looked-for',
    about: 'makes a state of a log that ends too early',
    file: 'src/node/store/entry-table.ts',
    find: `if (to === null ? seq !== size : seq < size)`,
    replace: `if (to === null && seq !== size)`,
  },
  {
    id: 'rebuild.failure-left',
    about: 'stays as it is when a state cannot be made anew',
    file: 'src/node/durable-replica.ts',
    find: `      this.#storeFailed(error as Error)
`,
    replace: '',
  },
]
