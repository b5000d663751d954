import { variables, type Variable } from '../../wire/settings.ts'
import { OperatorError } from '../errors.ts'

/** The variables in the order of an `.env`, by what they are about. */
export const groups: readonly [title: string, keys: readonly (keyof typeof variables)[]][] = [
  ['This node', ['nodeName', 'nodeKey', 'nodeKeyFile', 'stateDir', 'logLevel']],
  ['The lattice', ['latticeName', 'members', 'genesis']],
  ['HTTP', ['httpHost', 'httpPort', 'httpPeers', 'httpPollMs', 'corsOrigins', 'caFile']],
  ['P2P', ['p2pEnabled', 'p2pTopic', 'p2pListen', 'p2pAnnounce', 'p2pBootstrap', 'p2pDial']],
  ['Sync', ['syncPolicy', 'heartbeatMs', 'peerlessTimeoutMs']],
  ['Access', ['submit', 'tokens']],
]

/**
 * The text of an `.env`: commented, grouped, and read back by `parseEnv` of node:util, by systemd and by
 * shells as exactly the same values.
 *
 * @throws `OperatorError` for a value that no quoting carries through all of them; `Error` for a
 *   variable that no node reads, and for a secret one
 */
export function formatEnv(environment: Readonly<Record<string, string>>): string {
  const known = new Map(
    Object.values<Variable<unknown>>(variables).map((variable) => [
      variable.name as string,
      variable,
    ]),
  )
  for (const name of Object.keys(environment)) {
    if (!known.has(name)) throw new Error(`${name} is not a variable of a node`)
    if (known.get(name)?.secret === true)
      throw new Error(`${name} is a secret; it belongs in no .env`)
  }
  return groups
    .map(([title, keys]) => {
      const entries = keys.flatMap((key) => {
        const { name, about } = variables[key]
        const value = environment[name]
        return value === undefined ? [] : [`# ${about}\n${name}=${quote(name, value)}\n`]
      })
      return entries.length === 0 ? '' : `## ${title}\n\n${entries.join('')}`
    })
    .filter((group) => group !== '')
    .join('\n')
}

function quote(name: string, value: string): string {
  if (/^[A-Za-z0-9_./:@,=+-]*$/.test(value)) return value
  const hasControls = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(value)
  if (!hasControls && !value.includes("'")) return `'${value}'`
  if (!hasControls && !/["\\$`!]/.test(value)) return `"${value}"`
  throw new OperatorError('unwritable-value', `${name} cannot be written to an .env`, {
    exit: 'badInput',
    hint: 'remove control characters and quotes from the value in nodes.yaml',
  })
}
