import { Chalk, supportsColor, supportsColorStderr, type ColorSupportLevel } from 'chalk'

/**
 * Words with a meaning instead of a colour. The room `output` owns all that reaches the terminal:
 * colours, layout, live progress, questions. It must not know why something is shown.
 */
export interface Paint {
  good: (text: string) => string
  bad: (text: string) => string
  unsure: (text: string) => string
  /** Of a difference. */
  added: (text: string) => string
  removed: (text: string) => string
  changed: (text: string) => string
  /** What can be skipped. */
  faint: (text: string) => string
  strong: (text: string) => string
  /** What can be typed. */
  command: (text: string) => string
}

const same = (text: string): string => text

export const plain: Paint = {
  good: same,
  bad: same,
  unsure: same,
  added: same,
  removed: same,
  changed: same,
  faint: same,
  strong: same,
  command: same,
}

/** The colours that `stream` shows, as NO_COLOR (any value), FORCE_COLOR and the terminal have it. */
export function paintFor(stream: 'stdout' | 'stderr', environment: NodeJS.ProcessEnv): Paint {
  const isRefused = (environment['NO_COLOR'] ?? '') !== ''
  const support = stream === 'stdout' ? supportsColor : supportsColorStderr
  return isRefused || support === false ? plain : paintOf(support.level)
}

/** Chalk joins all its arguments; these take one, so that they may be callbacks. */
export function paintOf(level: ColorSupportLevel): Paint {
  if (level === 0) return plain
  const chalk = new Chalk({ level })
  return {
    good: (text) => chalk.green(text),
    bad: (text) => chalk.red(text),
    unsure: (text) => chalk.yellow(text),
    added: (text) => chalk.green(text),
    removed: (text) => chalk.red(text),
    changed: (text) => chalk.yellow(text),
    faint: (text) => chalk.dim(text),
    strong: (text) => chalk.bold(text),
    command: (text) => chalk.cyan(text),
  }
}
