/** Length of a SHA-256 hash, in bytes. */
export const hashBytes = 32

/**
 * Most leaves in a tree, in a log and in a proof alike. Tree arithmetic is done on 32-bit integers;
 * a log of this size would hold 128 GiB of hashes, so no honest prover comes near.
 */
export const treeSizeMax = 2 ** 31 - 1
