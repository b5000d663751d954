import type { Mutant } from '../mutant.ts'

/** The state is no function of the set of entries, or not the right one. */
export const state: readonly Mutant[] = [
  {
    id: 'state.folds-while-behind',
    about:
      'folds what came meanwhile before what is still to come: the state is made anew again and again',
    file: 'src/node/replica/limits.ts',
    find: `OPEN_BEHIND_FACTOR = 8`,
    replace: `OPEN_BEHIND_FACTOR = 1`,
  },
  {
    id: 'state.folds-while-made-anew',
    about:
      'a state that is made anew while older entries are still to come is soon too new for them',
    file: 'src/node/replica/rebuilding.ts',
    find: `this.#ledger?.fold(isBehind)`,
    replace: `this.#ledger?.fold(false)`,
  },
  {
    id: 'state.arrival-order',
    about: 'applies entries in the order in which they arrive',
    file: 'src/node/replica/ledger.ts',
    find: `const later = this.#takeBackFrom(first)`,
    replace: `const later: Entry[] = []`,
  },
  {
    id: 'state.no-tie-break',
    about: 'leaves the order of entries with one clock to chance',
    file: 'src/wire/entry.ts',
    find: `  if (a.author !== b.author) return a.author < b.author ? -1 : 1
`,
    replace: '',
  },
  {
    id: 'state.clock-not-seen',
    about: 'writes entries that sort before what they were written after',
    file: 'src/node/replica/core.ts',
    find: `    for (const { entry } of entries) this.#clock.see(entry.hlc)
`,
    replace: '',
  },
  {
    id: 'state.cut-order',
    about: 'applies again what a cut took back, newest first',
    file: 'src/node/replica/ledger.ts',
    find: `return later.toReversed()`,
    replace: `return later`,
  },
  {
    id: 'state.fold-order',
    about: 'takes back open entries oldest first to get at the folded balances',
    file: 'src/node/replica/ledger.ts',
    find: `of this.#open.toReversed()) {`,
    replace: `of this.#open) {`,
  },
  {
    id: 'state.opened-account-stays',
    about: 'an account that a taken-back entry had opened stays, empty',
    file: 'src/node/replica/accounts.ts',
    find: `if (balance === undefined) this.#balances.delete(account)`,
    replace: `if (balance === undefined) this.#balances.set(account, 0)`,
  },
  {
    id: 'state.issue-not-taken-back',
    about: 'the total keeps what a taken-back entry had issued',
    file: 'src/node/replica/accounts.ts',
    find: `    if (intent.kind === 'issue') this.#total -= intent.amount
`,
    replace: '',
  },
  {
    id: 'state.last-unit',
    about: 'refuses to pay the whole of a balance',
    file: 'src/node/replica/accounts.ts',
    find: `return balance < intent.amount ?`,
    replace: `return balance <= intent.amount ?`,
  },
  {
    id: 'state.stale-root',
    about: 'the state root does not follow an account that changed',
    file: 'src/node/replica/accounts.ts',
    find: `    this.#changed.add(account)
`,
    replace: '',
  },
  {
    id: 'state.late-on-top',
    about: 'applies on top what belongs before the folded entries',
    file: 'src/node/replica/ledger.ts',
    find: `compareEntries(first, this.#lastFolded) < 0) return false`,
    replace: `first.seq < 0) return false`,
  },
  {
    id: 'state.cut-of-folded',
    about: 'says that a folded entry was taken out',
    file: 'src/node/replica/ledger.ts',
    find: `if (sizeAt(this.#foldedSizes, author) > size) return false`,
    replace: `if (sizeAt(this.#foldedSizes, author) > size) return true`,
  },
  {
    id: 'state.rejections-forgotten',
    about: 'a rejected entry counts as applied once it is folded',
    file: 'src/node/replica/ledger.ts',
    find: `        this.#rejections.set(author, rejections.set(seq, rejection))
`,
    replace: `        rejections.set(seq, rejection)
`,
  },
  {
    id: 'state.own-overdraft',
    about: 'writes an entry that its own balances reject',
    file: 'src/node/replica/core.ts',
    find: `      if (rejection !== null) {
        verdicts.push({ isAccepted: false, rejection })
        continue
      }
`,
    replace: '',
  },
]

/** What comes before the folded entries, and the state that is made anew for it. */
export const rebuild: readonly Mutant[] = [
  {
    id: 'rebuild.late-forgotten',
    about: 'forgets what came while the state was made anew',
    file: 'src/node/replica/rebuilding.ts',
    find: `this.#ledger?.insert(late) === true`,
    replace: `this.#ledger?.insert([]) === true`,
  },
  {
    id: 'rebuild.late-twice',
    about: 'applies what came meanwhile again though it was read',
    file: 'src/node/replica/rebuilding.ts',
    find: `this.#late.filter(({ entry }) => entry.seq >= sizeAt(this.#read, entry.author))`,
    replace: `this.#late.slice()`,
  },
  {
    id: 'rebuild.last-part-lost',
    about: 'loses the last part of what is read from the store',
    file: 'src/node/rebuild.ts',
    find: `  engine.push({ kind: 'rebuild-entries', entries })
  engine.push({ kind: 'rebuild-end' })`,
    replace: `  engine.push({ kind: 'rebuild-end' })`,
  },
  {
    id: 'rebuild.seal-unheeded',
    about: 'a log that ends meanwhile is in the new state all the same',
    file: 'src/node/replica/book.ts',
    find: `if (!this.#ledger.cut(author, size) || this.#rebuilding !== null) this.#makeAnew(cutHlc)`,
    replace: `if (!this.#ledger.cut(author, size)) this.#makeAnew(cutHlc)`,
  },
  {
    id: 'rebuild.finality-lost',
    about: 'what was final is not any more in the new state',
    file: 'src/node/replica/book.ts',
    find: `    ledger.settle(this.#ledger.finalClock)
`,
    replace: '',
  },
  {
    id: 'rebuild.signs-stale-state',
    about: 'signs the old state while the new one is made',
    file: 'src/node/replica/promises.ts',
    find: `return this.#book.isStateStale || this.#book.isOwnLogSealed`,
    replace: `return this.#book.isOwnLogSealed`,
  },
  {
    id: 'rebuild.answers-from-stale-state',
    about: 'tells those who wait an outcome of the old state',
    file: 'src/node/replica/core.ts',
    find: `this.#book.isStateStale ? null : this.receiptOf(author, seq, now.monoMs)`,
    replace: `this.receiptOf(author, seq, now.monoMs)`,
  },
]
