import { latticeIdOf } from '../../../wire/lattice.ts'
import { parseSettings } from '../../../wire/settings.ts'
import { publicKeyOf } from '../../../wire/signature.ts'
import type { DesiredLattice, DesiredNode } from '../../desired/lattice.ts'
import { conclude, duplicatesOf, fail, pass, plural, type Check } from '../judge-findings.ts'

/** What nodes.yaml asks for makes sense, before anything is said about what runs. */
export const judgeConfig: Check = ({ lattice }) => {
  const problems = [
    ...problemsBetween(lattice),
    ...lattice.nodes.flatMap((node) =>
      problemsOf(lattice, node).map((problem) => `${node.name}: ${problem}`),
    ),
  ]
  const findings = problems.length > 0 ? problems.map(fail) : lattice.nodes.map(() => pass)
  const whenPass = `The settings of all ${plural(lattice.nodes.length, 'node')} are sound and fit each other.`
  return conclude('config', findings, whenPass, { nodes: lattice.nodes.length, problems })
}

function problemsBetween({ nodes, members }: DesiredLattice): string[] {
  const fields = ['name', 'peerId', 'url'] as const
  return [
    ...fields.flatMap((field) =>
      duplicatesOf(nodes.map((node) => [node.name, node[field]] as const)).map(
        (names) => `${names.join(' and ')} have the same ${field}`,
      ),
    ),
    ...nodes
      .filter(
        (node) => !members.some((member) => fields.every((field) => member[field] === node[field])),
      )
      .map((node) => `${node.name} is not among the members as it is`),
  ]
}

function problemsOf(lattice: DesiredLattice, node: DesiredNode): string[] {
  const problems: string[] = []
  if (!isOrigin(node.url)) problems.push(`${JSON.stringify(node.url)} is no http(s) origin`)
  if (publicKeyOf(node.peerId) === null) problems.push(`${node.peerId} is no Ed25519 peer id`)
  const result = parseSettings(withKey(node.environment))
  if (!result.ok) {
    return [
      ...problems,
      ...result.problems.map(({ variable, message }) => `${variable} ${message}`),
    ]
  }
  const { nodeName, latticeName, genesis, httpPeers } = result.settings
  if (nodeName !== node.name) problems.push(`AETHEL_NODE_NAME is ${nodeName}`)
  if (latticeIdOf(latticeName, genesis) !== lattice.id) {
    problems.push('its lattice name and genesis make another lattice')
  }
  const unnamed = lattice.nodes.filter((other) => other !== node && !httpPeers.includes(other.url))
  problems.push(...unnamed.map((other) => `AETHEL_LATTICE_NODES lacks ${other.name}`))
  return problems
}

const isOrigin = (url: string): boolean =>
  URL.canParse(url) && new URL(url).origin === url && /^https?:/.test(url)

/** The key is a secret, so it may stand outside of the settings. */
const withKey = (environment: Readonly<Record<string, string>>): Record<string, string> => ({
  ...environment,
  ...((environment['AETHEL_NODE_KEY_FILE'] ?? '') === ''
    ? { AETHEL_NODE_KEY: '0'.repeat(64) }
    : {}),
})
