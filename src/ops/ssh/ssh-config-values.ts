import { OperatorError } from '../errors.ts'

/** Values of ssh_config(5): tokens, home folders, times. Pure. */

/** What tokens stand for. */
export interface Tokens {
  /** %n: the host as it was asked for. */
  alias: string
  /** %h: the name that is dialled. */
  host: string
  port: number
  user: string
  environment: {
    home: string
    user: string
    variables: Readonly<Record<string, string | undefined>>
  }
}

/**
 * A value with `~/`, `%h %n %p %r %u %d %%` and `${NAME}` put in.
 *
 * @throws OperatorError for another token, a variable that is not set, another user's home
 */
export function expand(value: string, tokens: Tokens): string {
  const { home, user, variables } = tokens.environment
  const letters: Readonly<Record<string, string>> = {
    '%': '%',
    d: home,
    h: tokens.host,
    n: tokens.alias,
    p: `${tokens.port}`,
    r: tokens.user,
    u: user,
  }
  const said = value.replaceAll(/%(.?)|\$\{(\w*)\}/g, (found, letter?: string, name?: string) => {
    const meant = letter === undefined ? variables[name ?? ''] : letters[letter]
    return meant ?? refuse(`${found} in ${value} stands for nothing that is known`)
  })
  if (!said.startsWith('~')) return said
  if (said !== '~' && !said.startsWith('~/')) return refuse(`${said}: another user's home`)
  return `${home}${said.slice(1)}`
}

const UNITS_MS: Readonly<Record<string, number>> = {
  '': 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Milliseconds of `90`, `90s`, `1m30s`; null for anything else. */
export function durationMs(text: string): number | null {
  const given = text.toLowerCase()
  if (!/^(?:\d{1,6}[smhdw]?)+$/.test(given)) return null
  return [...given.matchAll(/(\d+)([smhdw]?)/g)].reduce(
    (sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS_MS[unit] ?? 0),
    0,
  )
}

const refuse = (message: string): never => {
  throw new OperatorError('ssh-config', message, {
    exit: 'badInput',
    hint: 'mend the ssh configuration, or say it in nodes.yaml',
  })
}
