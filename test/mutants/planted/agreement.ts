import type { Mutant } from '../mutant.ts'

/** Something is called final before which another entry may still come. */
export const finality: readonly Mutant[] = [
  {
    id: 'finality.one-ignored',
    about: 'does not wait for a member that has promised nothing',
    file: 'src/node/replica/peers.ts',
    find: `record === undefined ? 0 : this.#floorOf(record)`,
    replace: `record === undefined ? least : this.#floorOf(record)`,
  },
  {
    id: 'finality.alone-ignored',
    about: 'what lies after an entry that only our disk holds is final',
    file: 'src/node/replica/core.ts',
    find: `isAnyElsewhere ? this.#book.aloneFrom(this.peers) : Number.POSITIVE_INFINITY`,
    replace: `isAnyElsewhere ? Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY`,
  },
  {
    id: 'finality.copies-lost',
    about: 'what others held of us, and lost, leaves what comes after it final',
    file: 'src/node/replica/ledger.ts',
    find: `const seq = Math.max(from, this.#finality.sizeOf(author))`,
    replace: `const seq = from < this.#finality.sizeOf(author) ? Number.MAX_SAFE_INTEGER : from`,
  },
  {
    id: 'finality.wrong-clock-remembered',
    about: 'takes the clock of an older entry of the author for that of a later one',
    file: 'src/node/replica/ledger.ts',
    find: `if (this.#lastClock?.author !== author || this.#lastClock.seq !== seq)`,
    replace: `if (this.#lastClock?.author !== author)`,
  },
  {
    id: 'finality.own-ignored',
    about: 'what our own next entry may come before is final',
    file: 'src/node/replica/core.ts',
    find: `      this.#clock.floor,
`,
    replace: '',
  },
  {
    id: 'finality.at-the-floor',
    about: 'an entry with just the clock that was promised is final',
    file: 'src/node/replica/ledger.ts',
    find: `({ entry }) => entry.hlc >= clockFloor)`,
    replace: `({ entry }) => entry.hlc > clockFloor)`,
  },
  {
    id: 'finality.uncovered-floor',
    about: 'a promise counts though we lack what its promiser held',
    file: 'src/node/replica/peers.ts',
    find: `clockFloor: isFloorKept ? (before?.clockFloor ?? 0) : 0,`,
    replace: `clockFloor: checkpoint.clockFloor,`,
  },
  {
    id: 'finality.seals-uncovered',
    about: 'a promise counts though its promiser heeds ends that we do not know',
    file: 'src/node/replica/peers.ts',
    find: `return coversSeals(ours.seals, seals) && covers(`,
    replace: `return covers(`,
  },
  {
    id: 'finality.rebirth-at-once',
    about: 'a new directory of a member counts before the others have promised anew',
    file: 'src/node/replica/peers.ts',
    find: `return isSettled ? record.clockFloor : record.floorBefore`,
    replace: `return record.clockFloor`,
  },
  {
    id: 'finality.words-in-flight',
    about: 'what the others had on their way counts as promised anew',
    file: 'src/node/replica/peers.ts',
    find: `other.coveredAtMs > heardMs + FLIGHT_MS_MAX`,
    replace: `other.coveredAtMs > heardMs`,
  },
  {
    id: 'finality.own-rebirth-at-once',
    about: 'a process that has just begun counts what was promised before it',
    file: 'src/node/replica/peers.ts',
    find: `    if (!isNewerThan(record, this.#startedMs)) return 0
`,
    replace: '',
  },
  {
    id: 'finality.folded-is-final',
    about: 'what was folded because there was much of it is final',
    file: 'src/node/replica/finality.ts',
    find: `const isAll = last === null || last.hlc < clockFloor`,
    replace: `const isAll = true`,
  },
  {
    id: 'finality.lead-without-bound',
    about: 'promises as far ahead of the wall clock as an entry drove it',
    file: 'src/node/replica/hybrid-clock.ts',
    find: `const highest = Math.min(this.#next(wallMs), wallUs + CLOCK_LEAD_US_MAX)`,
    replace: `const highest = this.#next(wallMs)`,
  },
  {
    id: 'finality.writes-below-promise',
    about: 'writes an entry below the clock that it has promised',
    file: 'src/node/replica/hybrid-clock.ts',
    find: `    this.#last = Math.max(this.#last, this.#promised - 1)
`,
    replace: '',
  },
  {
    id: 'finality.promise-at-start',
    about: 'the first checkpoint of a process promises what no disk holds',
    file: 'src/node/replica/promises.ts',
    find: `this.#sign(clock.promised, now)`,
    replace: `this.#sign(clock.promise(now.wallMs).floor, now)`,
  },
]

/** What the members' signed words say of each other. */
export const divergence: readonly Mutant[] = [
  {
    id: 'divergence.other-cut',
    about: "compares a peer's root with ours of another cut",
    file: 'src/node/replica/peers.ts',
    find: `if (this.#logs.rootAt(frontier) !== root) return false`,
    replace: `if (this.#logs.root() !== root) return false`,
  },
  {
    id: 'divergence.root-unread',
    about: 'compares states and never the roots of the logs',
    file: 'src/node/replica/peers.ts',
    find: `    if (this.#logs.rootAt(frontier) !== root) return false
`,
    replace: '',
  },
  {
    id: 'divergence.state-unread',
    about: 'does not compare the state of who holds the same entries',
    file: 'src/node/replica/peers.ts',
    find: `return !isSameContent || stateRoot === (this.#stateRoot() ?? stateRoot)`,
    replace: `return true`,
  },
  {
    id: 'divergence.forgotten',
    about: 'forgets that a peer differs at its next checkpoint',
    file: 'src/node/replica/peers.ts',
    find: `isMatch: isGoingOn && before?.isMatch === false ? false : null,`,
    replace: `isMatch: null,`,
  },
  {
    id: 'divergence.untold',
    about: 'does not tell of a difference that is found when the entries come',
    file: 'src/node/replica/core.ts',
    find: `for (const peerId of this.peers.compare()) this.#differs(peerId, now)`,
    replace: `this.peers.compare()`,
  },
  {
    id: 'divergence.fork-not-searched',
    about: 'asks a member that differs for nothing that is held already',
    file: 'src/node/replica/fork-search.ts',
    find: `search === undefined ? held : before(held, search.window)`,
    replace: `held`,
  },
  {
    id: 'divergence.fork-window-kept',
    about: 'never looks further back for a fork',
    file: 'src/node/replica/fork-search.ts',
    find: `if (!isAll) search.window *= FORK_WINDOW_FACTOR`,
    replace: `if (!isAll) return`,
  },
  {
    id: 'divergence.differing-holder',
    about: 'counts as a copy what a member that differs says it holds',
    file: 'src/node/replica/peers.ts',
    find: `return this.#records.values().filter(({ isMatch }) => isMatch !== false)`,
    replace: `return this.#records.values()`,
  },
  {
    id: 'divergence.unproven-holder',
    about: 'counts as a copy what a member only says that it holds',
    file: 'src/node/replica/peers.ts',
    find: `.filter(({ proven }) => sizeAt(proven, author) > seq)`,
    replace: `.filter(({ newest }) => sizeAt(newest.checkpoint.frontier, author) > seq)`,
  },
  {
    id: 'divergence.one-too-many',
    about: 'counts a member as a holder of the entry after its last',
    file: 'src/node/replica/peers.ts',
    find: `sizeAt(proven, author) > seq`,
    replace: `sizeAt(proven, author) >= seq`,
  },
  {
    id: 'checkpoints.no-extension',
    about: 'takes a checkpoint that does not extend the last',
    file: 'src/node/replica/peers.ts',
    find: `return isBackward && next.clockFloor <= last.clockFloor ? 'old' : 'contradiction'`,
    replace: `return isBackward && next.clockFloor <= last.clockFloor ? 'old' : 'new'`,
  },
  {
    id: 'checkpoints.split-view',
    about: 'takes two roots for one frontier from one member',
    file: 'src/node/replica/peers.ts',
    find: `    if (next.root !== last.root || next.stateRoot !== last.stateRoot) return 'contradiction'
`,
    replace: '',
  },
  {
    id: 'checkpoints.arrival-order',
    about: 'the checkpoint that came last holds, not the one that promises more',
    file: 'src/node/replica/peers.ts',
    find: `return next.clockFloor > last.clockFloor ? 'new' : 'old'
    return next.wallMs`,
    replace: `return 'new'
    return next.wallMs`,
  },
  {
    id: 'checkpoints.lost-disk-speaks',
    about: 'a late word of a lost directory holds over that of the new one',
    file: 'src/node/replica/peers.ts',
    find: `const isLater = next.clockFloor > last.clockFloor || silentMs >= REBIRTH_SILENCE_MS`,
    replace: `const isLater = silentMs >= 0`,
  },
  {
    id: 'checkpoints.unsigned',
    about: 'takes a checkpoint that its member did not sign',
    file: 'src/wire/checkpoint.ts',
    find: `if (!verify(checkpoint.publicKey, tags.checkpoint, bytes, signature)) {`,
    replace: `if (!verify(checkpoint.publicKey, tags.checkpoint, bytes, signature) && bytes.length === 0) {`,
  },
]
