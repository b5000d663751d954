import { BAD_SETTINGS_EXIT, RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, STEADY_MS } from './limits.ts'

/** Exits in a row, counting one that came after the node ran `ranMs`. */
export const exitsInRowAfter = (before: number, ranMs: number): number =>
  ranMs >= STEADY_MS ? 1 : before + 1

/** How long to wait before the node is started again: doubles with each exit in a row. */
export const restartDelayMs = (exitsInRow: number): number =>
  Math.min(RESTART_DELAY_MS * 2 ** (exitsInRow - 1), RESTART_DELAY_MS_MAX)

/** Whether another start could go better. */
export const isWorthRestarting = (exit: { code: number | null }): boolean =>
  exit.code !== BAD_SETTINGS_EXIT
