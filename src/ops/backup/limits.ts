/** Bytes of entries that one request brings to a node: what a proxy in front of it still takes. */
export const IMPORT_BYTES_MAX = 512 * 1024
/** Entries after which a long work says where it is. */
export const ENTRIES_PER_NOTE = 20_000
