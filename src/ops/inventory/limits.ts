/** Every bound of this room, named once. */

/** Bytes of nodes.yaml. */
export const INVENTORY_BYTES_MAX = 64 * 1024
/** Values that YAML aliases may stand for, nested ones counted out. */
export const ALIASED_VALUES_MAX = 256
/** Problems that are looked for, and that one error shows. */
export const PROBLEMS_MAX = 1000
export const PROBLEMS_SHOWN_MAX = 50
/** Characters of a line that a problem shows. */
export const SHOWN_CHARS_MAX = 160
/** Accounts with an opening balance: they travel in one environment variable. */
export const GENESIS_ACCOUNTS_MAX = 256
export const CORS_ORIGINS_MAX = 32
/** Keys that one host may have. */
export const HOST_KEYS_MAX = 16
/** Bytes of a secret, from whatever source. */
export const SECRET_BYTES_MAX = 64 * 1024
/** Milliseconds that a `cmd:` secret may take; it may have to wait for a person at a key agent. */
export const SECRET_COMMAND_MS_MAX = 60_000
/** Bytes of a key or token file. */
export const KEY_FILE_BYTES_MAX = 1024
/** Addresses and networks in the rules of one host. */
export const FIREWALL_NETWORKS_MAX = 256
