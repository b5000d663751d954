/** Hosts of one lab: addresses .11 and up of its network, and what a small machine carries. */
export const HOSTS_MAX = 8

/** A host writes this much before its disk is full: a few releases with their runtime. */
export const DISK_MEBIBYTES = 2048

/** A host boots in 1 to 2 s; a starved machine takes longer. */
export const BOOT_MS_MAX = 90_000

/** systemd gives its units 90 s to stop. */
export const SHUTDOWN_MS_MAX = 100_000

/** Nothing that is killed stays longer, unless the kernel holds it. */
export const KILL_MS_MAX = 10_000

/** The whole of what a command on a host may take, unless its caller says otherwise. */
export const COMMAND_MS_MAX = 60_000
