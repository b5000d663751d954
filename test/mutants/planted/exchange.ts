import type { Mutant } from '../mutant.ts'

/** When to exchange with whom over what. */
export const exchange: readonly Mutant[] = [
  {
    id: 'exchange.not-greeted',
    about: 'does not ask a peer that came back for what was missed',
    file: 'src/node/replica/exchange.ts',
    find: `        peer.isGreeted = false
        peer.pulls.P2P.fruitless = 0`,
    replace: `        peer.isGreeted = true
        peer.pulls.P2P.fruitless = 0`,
  },
  {
    id: 'exchange.greeting-not-repeated',
    about: 'a greeting that failed is left at that',
    file: 'src/node/replica/exchange.ts',
    find: `      if (via === 'P2P') {
        peer.isGreeted = false
        return`,
    replace: `      if (via === 'P2P') {
        return`,
  },
  {
    id: 'exchange.left-to-gossip',
    about: 'does not ask a peer that stays ahead: what gossip lost stays lost',
    file: 'src/node/replica/exchange.ts',
    find: `    return Math.max(peer.behindSinceMs + BEHIND_GRACE_MS, pausedUntilMs)`,
    replace: `    return Number.POSITIVE_INFINITY`,
  },
  {
    id: 'exchange.grace-begins-anew',
    about: 'a peer that goes on writing is never ahead for long enough to be asked',
    file: 'src/node/replica/peers.ts',
    find: `awaited: (isGoingOn ? before?.awaited : null) ?? { checkpoint, sinceMs: nowMonoMs },`,
    replace: `awaited: { checkpoint, sinceMs: nowMonoMs },`,
  },
  {
    id: 'exchange.no-pause',
    about: 'asks again at once after an exchange that failed or brought nothing',
    file: 'src/node/replica/exchange.ts',
    find: `pulls.pausedUntilMs = isFruitless ? nowMs + pauseAfter(pulls.fruitless) : nowMs`,
    replace: `pulls.pausedUntilMs = nowMs`,
  },
  {
    id: 'exchange.fruitless-not-counted',
    about: 'takes an exchange for progress that left us behind the same checkpoint',
    file: 'src/node/replica/exchange.ts',
    find: `const isFruitless = 'error' in result || isStillBehind`,
    replace: `const isFruitless = 'error' in result || (isStillBehind && result.entryCount === 0)`,
  },
  {
    id: 'exchange.pause-never-shrinks',
    about: 'goes on with long pauses after an exchange that went well',
    file: 'src/node/replica/exchange.ts',
    find: `pulls.fruitless = isFruitless ? pulls.fruitless + 1 : 0`,
    replace: `pulls.fruitless = isFruitless ? pulls.fruitless + 1 : pulls.fruitless`,
  },
  {
    id: 'exchange.unserved-left-alone',
    about: 'leaves to P2P a live peer of which it brings nothing',
    file: 'src/node/replica/exchange.ts',
    find: `const life = peer.p2p === 'alive' && isUnserved ? 'suspect' : peer.p2p`,
    replace: `const life = peer.p2p === 'alive' && isUnserved ? 'alive' : peer.p2p`,
  },
  {
    id: 'exchange.two-at-once',
    about: 'begins an exchange over HTTP while one is under way',
    file: 'src/node/replica/exchange.ts',
    find: `return peer.http.isWatched && peer.pulls.HTTP.inFlight === null`,
    replace: `return peer.http.isWatched`,
  },
  {
    id: 'exchange.http-given-up-early',
    about: 'gives HTTP up for a P2P lung that only starts',
    file: 'src/node/replica/exchange.ts',
    find: `const isSettling = nowMs < this.#settledAtMs && !peer.http.isWatched`,
    replace: `const isSettling = nowMs < this.#settledAtMs`,
  },
  {
    id: 'exchange.http-never-given-back',
    about: 'goes on with HTTP for a peer that P2P serves again',
    file: 'src/node/replica/mode.ts',
    find: `      if (p2p === 'alive') return false
`,
    replace: '',
  },
  {
    id: 'exchange.no-fallback',
    about: 'a peer that P2P lost is not asked over HTTP while others are alive',
    file: 'src/node/replica/mode.ts',
    find: `return p2p === 'suspect' || lung === 'off' || lung === 'failed' || !isSettling`,
    replace: `return lung === 'off' || lung === 'failed'`,
  },
  {
    id: 'exchange.not-at-the-first-doubt',
    about: 'waits for proof that P2P is dead before it takes HTTP',
    file: 'src/node/replica/mode.ts',
    find: `return p2p === 'suspect' || lung === 'off'`,
    replace: `if (p2p === 'suspect') return false
      return lung === 'off'`,
  },
  {
    id: 'exchange.policy-unheeded',
    about: 'takes HTTP where the policy is P2P alone',
    file: 'src/node/replica/mode.ts',
    find: `    case 'p2p':
      return false`,
    replace: `    case 'p2p':
      return p2p === 'dead'`,
  },
  {
    id: 'exchange.notice-unheard',
    about: 'a notice over HTTP that a peer is ahead waits for the next poll',
    file: 'src/node/replica/exchange.ts',
    find: `    if (sinceMs !== null && isNotice) hurryHttp(peer, nowMs)
`,
    replace: '',
  },
  {
    id: 'exchange.old-proof-of-life',
    about: 'HTTP with a peer counts as alive for ever after one answer',
    file: 'src/node/replica/exchange.ts',
    find: `return nowMs < provenAtMs + this.#httpFreshMs(peer)`,
    replace: `return nowMs >= provenAtMs`,
  },
]

/** What goes over the wire in an exchange, and how it is read. */
export const sync: readonly Mutant[] = [
  {
    id: 'sync.from-the-beginning',
    about: 'sends all of each log, whatever the caller holds',
    file: 'src/node/sync-answer.ts',
    find: `missingRanges(frontier, clip(source.frontier, seals))`,
    replace: `missingRanges(new Map(), clip(source.frontier, seals))`,
  },
  {
    id: 'sync.behind-the-end',
    about: 'sends, again and again, what lies behind an end that the caller heeds',
    file: 'src/node/sync-answer.ts',
    find: `missingRanges(frontier, clip(source.frontier, seals))`,
    replace: `missingRanges(frontier, source.frontier)`,
  },
  {
    id: 'sync.last-part-lost',
    about: 'leaves the last part out of an answer',
    file: 'src/node/sync-answer.ts',
    find: `  if (part.length > 0) yield part
`,
    replace: '',
  },
  {
    id: 'sync.single-skipped',
    about: 'leaves out a log of which one entry is missing',
    file: 'src/wire/frontier.ts',
    find: `.filter((range) => range.to > range.from)`,
    replace: `.filter((range) => range.to > range.from + 1)`,
  },
  {
    id: 'sync.merge-order',
    about: 'sends the newest log first',
    file: 'src/node/replica/in-order.ts',
    find: `compareEntries(head.value.entry, first.entry) > 0`,
    replace: `compareEntries(head.value.entry, first.entry) < 0`,
  },
  {
    id: 'sync.end-unread',
    about: 'takes an answer that was cut off for a whole one',
    file: 'src/wire/sync.ts',
    find: `  if (!isEnded) throw new WireError('truncated', 'the answer was cut off')
`,
    replace: '',
  },
  {
    id: 'sync.frame-without-bound',
    about: 'stores up a frame of any size',
    file: 'src/wire/frame-stream.ts',
    find: `      if (length > FRAME_BYTES_MAX) throw new WireError('too-large', \`frame of \${length} bytes\`)
`,
    replace: '',
  },
  {
    id: 'sync.entries-without-bound',
    about: 'takes a frame of any number of entries',
    file: 'src/wire/sync.ts',
    find: `if (pairs.length > ENTRIES_PER_FRAME_MAX)`,
    replace: `if (pairs.length > FRAME_BYTES_MAX)`,
  },
  {
    id: 'sync.rest-of-chunk-lost',
    about: 'loses a frame that comes in two chunks',
    file: 'src/wire/frame-stream.ts',
    find: `    buffered = buffered.subarray(offset)
`,
    replace: `    buffered = Buffer.alloc(0)
`,
  },
  {
    id: 'sync.request-of-other-lattice',
    about: 'answers a caller of another lattice',
    file: 'src/node/durable-replica.ts',
    find: `if (request.lattice === this.#options.lattice) return request`,
    replace: `if (request.lattice !== '') return request`,
  },
  {
    id: 'sync.two-encodings',
    about: 'takes another encoding of the same value, with another hash',
    file: 'src/wire/cbor.ts',
    find: `if (!equalBytes(again, bytes))`,
    replace: `if (again.length > bytes.length)`,
  },
]
