/** Files that a node's settings may have, and the bytes of one. */
export const SETTINGS_FILES_MAX = 32
export const SETTINGS_FILE_BYTES_MAX = 256 * 1024
