/** Bytes of `manifest.json`. */
export const MANIFEST_BYTES_MAX = 1024 * 1024
/** Bytes of one file of an artifact: what a Space's repository takes without large-file storage. */
export const FILE_BYTES_MAX = 10 * 1024 * 1024
/** Files and folders that a folder may hold before it is no artifact. */
export const ENTRIES_MAX = 4000
