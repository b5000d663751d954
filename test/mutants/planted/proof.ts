import type { Mutant } from '../mutant.ts'

/** States that are kept for the next start. */
export const snapshots: readonly Mutant[] = [
  {
    id: 'snapshots.root-unread',
    about: 'starts from a kept state that is not that of the logs',
    file: 'src/node/replica/book.ts',
    find: `if (snapshot !== null && this.logs.rootAt(snapshot.folded.sizes) !== snapshot.root)`,
    replace: `if (snapshot !== null && this.logs.rootAt(snapshot.folded.sizes) === null)`,
  },
  {
    id: 'snapshots.unsigned',
    about: 'starts from a kept state that it did not sign',
    file: 'src/node/replica/snapshot.ts',
    find: `if (!verify(publicKey, tags.snapshot, bytes, signature))`,
    replace: `if (signature.length === 0)`,
  },
  {
    id: 'snapshots.wrong-leaves',
    about: 'keeps the first leaves of a log in place of the new ones',
    file: 'src/node/replica/snapshot.ts',
    find: `hashes: logs.leaves(author, from, to),`,
    replace: `hashes: logs.leaves(author, 0, to - from),`,
  },
  {
    id: 'snapshots.leaves-in-the-way',
    about: 'cannot keep a state again where a forgotten one had left its leaves',
    file: 'src/node/store/snapshot-table.ts',
    find: `      this.#database.prepare('DELETE FROM leaves WHERE author = ? AND start >= ?').run(number, from)
`,
    replace: '',
  },
  {
    id: 'snapshots.rejections-lost',
    about: 'a rejected entry counts as applied after a restart',
    file: 'src/node/replica/ledger.ts',
    find: `      ledger.#rejections.set(author, new Map(rejections))
`,
    replace: '',
  },
  {
    id: 'snapshots.stale-kept',
    about: 'keeps states that an entry which came later belongs into',
    file: 'src/node/store/store.ts',
    find: `      if (batch.staleSnapshotsHlc !== null) this.#snapshots.forgetFrom(batch.staleSnapshotsHlc)
`,
    replace: '',
  },
  {
    id: 'snapshots.stale-from-the-newest',
    about: 'of several late entries of one turn forgets only what lies after the newest',
    file: 'src/node/engine.ts',
    find: `hlc === null ? least : Math.min(least ?? Number.POSITIVE_INFINITY, hlc),`,
    replace: `hlc === null ? least : Math.max(least ?? 0, hlc),`,
  },
  {
    id: 'snapshots.newest-only',
    about: 'keeps no older state: one late entry has everything read again',
    file: 'src/node/store/snapshot-table.ts',
    find: `(SELECT max(number) FROM snapshot) - number >= 2 * (number & -number)`,
    replace: `number < (SELECT max(number) FROM snapshot)`,
  },
  {
    id: 'snapshots.all-kept',
    about: 'keeps every state there ever was',
    file: 'src/node/store/snapshot-table.ts',
    find: `- number >= 2 * (number & -number)`,
    replace: `- number < 0`,
  },
]

/** RFC 6962. */
export const merkle: readonly Mutant[] = [
  {
    id: 'merkle.prefixes-swapped',
    about: 'leaves are hashed as nodes, and nodes as leaves',
    file: 'src/merkle/hash.ts',
    find: `const leafPrefix = 0x00
const nodePrefix = 0x01`,
    replace: `const leafPrefix = 0x01
const nodePrefix = 0x00`,
  },
  {
    id: 'merkle.odd-doubled',
    about: 'a last odd node is hashed with itself, as in Bitcoin: two lists have one root',
    file: 'src/merkle/hash.ts',
    find: `if (left !== undefined) parents.push(left)`,
    replace: `if (left !== undefined) parents.push(nodeHash(left, left))`,
  },
  {
    id: 'merkle.changing-odd-doubled',
    about: 'the same in the tree over what changes',
    file: 'src/merkle/changing-tree.ts',
    find: `return right === undefined ? left : nodeHash(left, right)`,
    replace: `return nodeHash(left, right ?? left)`,
  },
  {
    id: 'merkle.split-in-half',
    about: 'a tree is split in the middle, not at a power of two',
    file: 'src/merkle/log.ts',
    find: `return 1 << (31 - Math.clz32(size - 1))`,
    replace: `return size >>> 1`,
  },
  {
    id: 'merkle.wrong-side',
    about: 'a sibling is joined on the wrong side',
    file: 'src/merkle/verify.ts',
    find: `hash = side === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling)`,
    replace: `hash = side === 'right' ? nodeHash(sibling, hash) : nodeHash(hash, sibling)`,
  },
  {
    id: 'merkle.longer-proof',
    about: 'takes a proof with more in it than belongs there',
    file: 'src/merkle/verify.ts',
    find: `if (proof.length !== sides.length) return false`,
    replace: `if (proof.length < sides.length) return false`,
  },
  {
    id: 'merkle.old-root-unread',
    about: 'takes any tree for the one that a new tree extends',
    file: 'src/merkle/verify.ts',
    find: `return equalHashes(oldHash, oldRoot) && equalHashes(newHash, newRoot)`,
    replace: `return equalHashes(newHash, newRoot)`,
  },
  {
    id: 'merkle.size-unbound',
    about: 'the lattice root does not say how long a log is',
    file: 'src/wire/frontier.ts',
    find: `leafHash(encodedForNow([authorBytes(author), size, root]))`,
    replace: `leafHash(encodedForNow([authorBytes(author), root]))`,
  },
  {
    id: 'merkle.leaf-of-other-size',
    about: 'takes the leaf of a log at one size for that at another',
    file: 'src/node/replica/logs.ts',
    find: `if (log.leaf?.size !== size)`,
    replace: `if (log.leaf === null)`,
  },
  {
    id: 'merkle.root-kept',
    about: 'gives the root of before for what is held now',
    file: 'src/node/replica/logs.ts',
    find: `    this.#frontier = null
    this.#root = null
`,
    replace: `    this.#frontier = null
`,
  },
  {
    id: 'merkle.frontier-kept',
    about: 'gives the frontier of before for what is held now',
    file: 'src/node/replica/logs.ts',
    find: `    this.#frontier = null
    this.#root = null
`,
    replace: `    this.#root = null
`,
  },
  {
    id: 'merkle.growth-forgets',
    about: 'a log that outgrows its memory forgets its first hashes',
    file: 'src/merkle/hash-column.ts',
    find: `    grown.set(this.#bytes)
`,
    replace: '',
  },
]

/** Keys and signatures. */
export const signature: readonly Mutant[] = [
  {
    id: 'signature.small-order',
    about: 'takes keys under which a signature proves nothing',
    file: 'src/wire/signature.ts',
    find: ` && !SMALL_ORDER_POINTS.has(toHex(publicKey))`,
    replace: '',
  },
  {
    id: 'signature.remembered-by-beginning',
    about: 'remembers what was made of a text by its first characters',
    file: 'src/wire/remembered.ts',
    find: `  return (text) => {
    const before = known.get(text)`,
    replace: `  return (text) => {
    const before = known.get(text) ?? [...known].find(([one]) => one.startsWith(text.slice(0, 9)))?.[1]`,
  },
  {
    id: 'signature.untagged',
    about: 'what was signed for one purpose serves for another',
    file: 'src/wire/signature.ts',
    find: `Buffer.from(\`\${tag}\\0\`, 'latin1')`,
    replace: `Buffer.from(tag.slice(0, 7), 'latin1')`,
  },
  {
    id: 'signature.aside-unread',
    about: 'takes for sound whatever another thread has looked at',
    file: 'src/wire/signature.ts',
    find: `resolve(error === null && isValid),`,
    replace: `resolve(error === null),`,
  },
  {
    id: 'signature.remembered-by-bytes',
    about: 'takes any signature over bytes that were once found sound',
    file: 'src/node/signature-check.ts',
    find: `this.#sound.get(bytes) === signature`,
    replace: `this.#sound.has(bytes)`,
  },
]
