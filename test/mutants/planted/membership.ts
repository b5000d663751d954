import type { Mutant } from '../mutant.ts'

/** Logs take what does not belong there. */
export const membership: readonly Mutant[] = [
  {
    id: 'membership.wrong-prev',
    about: 'takes an entry that names another one before it',
    file: 'src/node/replica/logs.ts',
    find: `if (entry.prev !== this.lastId(entry.author))`,
    replace: `if (entry.prev.length !== this.lastId(entry.author).length)`,
  },
  {
    id: 'membership.clock-back',
    about: 'takes an entry whose clock goes back',
    file: 'src/node/replica/logs.ts',
    find: `if (entry.hlc <= (log?.lastHlc ?? 0))`,
    replace: `if (entry.hlc <= 0)`,
  },
  {
    id: 'membership.unsigned',
    about: 'takes an entry without looking at its signature',
    file: 'src/node/replica/logs.ts',
    find: `    if (!isSigned(signed, this.#verify))
      throw new WireError('bad-signature', 'entry not signed by its author')
    if (entry.prev !== this.lastId(entry.author))`,
    replace: `    if (entry.prev !== this.lastId(entry.author))`,
  },
  {
    id: 'membership.forged-second',
    about: 'takes a forged second entry for a proof that its author cheats',
    file: 'src/node/replica/logs.ts',
    find: `      if (!isSigned(signed, this.#verify))
        throw new WireError('bad-signature', 'entry not signed by its author')
      throw new WireError('equivocation'`,
    replace: `      throw new WireError('equivocation'`,
  },
  {
    id: 'membership.gap',
    about: 'does not wait for what a gap leaves out',
    file: 'src/node/replica/logs.ts',
    find: `    if (entry.seq > size) return 'gap'
`,
    replace: '',
  },
  {
    id: 'membership.other-lattice',
    about: 'takes entries of another lattice',
    file: 'src/node/replica/logs.ts',
    find: `if (entry.lattice !== this.#lattice)`,
    replace: `if (entry.lattice.length !== this.#lattice.length)`,
  },
  {
    id: 'membership.stranger',
    about: 'takes entries of somebody who is no member',
    file: 'src/node/replica/logs.ts',
    find: `if (!this.#memberKeys.has(authorKeyHex(entry.author)))`,
    replace: `if (authorKeyHex(entry.author) === '')`,
  },
  {
    id: 'membership.future',
    about: 'takes an entry from the far future, and its clock with it',
    file: 'src/node/replica/logs.ts',
    find: `if (entry.hlc > nowUs + CLOCK_AHEAD_US_MAX)`,
    replace: `if (entry.hlc > Number.MAX_SAFE_INTEGER)`,
  },
  {
    id: 'membership.strange-checkpoint',
    about: 'counts the word of somebody who is no member',
    file: 'src/node/replica/core.ts',
    find: `if (!this.#config.others.has(peerId))`,
    replace: `if (peerId === '')`,
  },
  {
    id: 'membership.checkpoint-of-other-lattice',
    about: 'counts what a member has signed for another lattice',
    file: 'src/node/replica/core.ts',
    find: `if (checkpoint.lattice !== this.#config.lattice)`,
    replace: `if (checkpoint.lattice === '')`,
  },
  {
    id: 'membership.foreign-directory',
    about: "opens another node's data directory",
    file: 'src/node/store/store.ts',
    find: `if (owner === value) return`,
    replace: `if (owner !== '') return`,
  },
]

/** Ends of logs. */
export const seals: readonly Mutant[] = [
  {
    id: 'seals.largest',
    about: 'of several ends of one log the largest holds',
    file: 'src/node/replica/logs.ts',
    find: `if (seal.size >= this.#endOf(seal.author)) return null`,
    replace: `if (this.#seals.has(seal.author) && seal.size <= this.#endOf(seal.author)) return null`,
  },
  {
    id: 'seals.not-truncated',
    about: 'keeps in the log what lies behind its end',
    file: 'src/node/replica/logs.ts',
    find: ` else this.#logs.get(seal.author)?.tree.truncate(seal.size)`,
    replace: '',
  },
  {
    id: 'seals.appended-beyond',
    about: 'appends behind the end of a log',
    file: 'src/node/replica/logs.ts',
    find: `    if (entry.seq >= this.#endOf(entry.author)) return 'sealed'
`,
    replace: '',
  },
  {
    id: 'seals.of-a-stranger',
    about: 'takes an end of a log of no member',
    file: 'src/node/replica/logs.ts',
    find: `if (!this.#memberKeys.has(authorKeyHex(seal.author)))`,
    replace: `if (seal.author === '')`,
  },
  {
    id: 'seals.not-gossiped',
    about: 'tells nobody of an end that it has found',
    file: 'src/node/replica/core.ts',
    find: `    this.#output({ kind: 'gossip', frame: { kind: 'seals', seals: [seal] } })
`,
    replace: '',
  },
  {
    id: 'seals.smaller-untold',
    about: 'does not tell a caller of a smaller end than the one it knows',
    file: 'src/node/replica/logs.ts',
    find: `({ author, size }) => size < (known.get(author) ?? Number.POSITIVE_INFINITY),`,
    replace: `({ author }) => !known.has(author),`,
  },
  {
    id: 'seals.not-answered',
    about: 'leaves the ends of logs out of its sync answers',
    file: 'src/node/sync-answer.ts',
    find: `    yield prefixed(encodeFrame({ kind: 'seals', seals }))
`,
    replace: `    encodeFrame({ kind: 'seals', seals })
`,
  },
  {
    id: 'seals.not-stored',
    about: 'forgets an end of a log at the next restart',
    file: 'src/node/replica/core.ts',
    find: `    this.#ready.seals.push(seal)
`,
    replace: '',
  },
  {
    id: 'seals.not-restored',
    about: 'stores the ends of logs and does not heed them after a restart',
    file: 'src/node/replica/book.ts',
    find: `    for (const seal of restored.seals) this.logs.seal(seal)
`,
    replace: '',
  },
  {
    id: 'seals.cut-not-stored',
    about: 'leaves in the store what lies behind the end of a log',
    file: 'src/node/replica/core.ts',
    find: `    if (leftOut > 0) this.#ready.cuts.push({ author, size })
`,
    replace: '',
  },
  {
    id: 'seals.retired-while-ahead',
    about: 'retires a log of which another member holds more',
    file: 'src/node/replica/core.ts',
    find: `    if (this.peers.sizeClaimed(author) > size) return { refusal: 'ahead' }
`,
    replace: '',
  },
  {
    id: 'seals.own-log-goes-on',
    about: 'goes on writing behind the end of its own log',
    file: 'src/node/replica/core.ts',
    find: `    if (this.#book.isOwnLogSealed) return
`,
    replace: '',
  },
  {
    id: 'seals.not-reborn',
    about: 'never begins another log when its own has ended',
    file: 'src/node/replica/core.ts',
    find: `    if (this.#book.isOwnLogSealed && !this.#isAtEnd) this.#output({ kind: 'reincarnate' })
`,
    replace: '',
  },
  {
    id: 'seals.not-reborn-at-start',
    about: 'does so when it hears of the end, but not when it is killed just then',
    file: 'src/node/replica/core.ts',
    find: `    this.#promises = new Promises(config, this.#book, this.#clock, now)
`,
    replace: `    this.#promises = new Promises(config, this.#book, this.#clock, now)
    this.#isAtEnd = this.#book.isOwnLogSealed
`,
  },
  {
    id: 'seals.one-signature',
    about: 'takes for a proof two entries of which the author signed only one',
    file: 'src/wire/seal.ts',
    find: `if (!isSigned(one, verify) || !isSigned(other, verify))`,
    replace: `if (!isSigned(one, verify) && !isSigned(other, verify))`,
  },
  {
    id: 'seals.anybody-retires',
    about: 'lets anybody end the log of another',
    file: 'src/wire/seal.ts',
    find: `if (parsed === null || !verify(parsed.publicKey, tags.retirement, bytes, signature))`,
    replace: `if (parsed === null)`,
  },
  {
    id: 'seals.two-places',
    about: 'takes entries of two places for a contradiction',
    file: 'src/wire/seal.ts',
    find: `other.entry.author === author && other.entry.seq === seq`,
    replace: `other.entry.author === author`,
  },
]
