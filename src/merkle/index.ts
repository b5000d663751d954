/**
 * RFC 6962 Merkle trees over SHA-256: the log, its roots at any size, inclusion and consistency
 * proofs, and their verification.
 *
 * This room owns the shape of the tree and nothing else. It does not know what a leaf holds, who
 * signed a root, or where hashes are kept; it is synchronous and pure, and must stay so: no clock,
 * randomness, process, file or network, and of `node:crypto` only `hash`.
 */
export { ChangingTree } from './changing-tree.ts'
export { emptyRoot, leafHash, nodeHash, rootOfLeaves } from './hash.ts'
export type { Hash } from './hash.ts'
export { MerkleLog } from './log.ts'
export { hashBytes } from './limits.ts'
export { verifyConsistency, verifyInclusion } from './verify.ts'
