import { dirname, join, relative } from 'node:path'
import { buildCli, buildHostAgent, buildSupervisor } from './cli-bundle.ts'
import { buildNodeArtifact } from './node-artifact.ts'
import { packArtifact } from './packed.ts'
import { writeRuntimeList } from './runtime-list.ts'

/**
 * Builds what the project ships. The room `build` owns the way from sources to dist/: the CLI, and
 * the node's artifact with its manifest. It must not know what a node or an operation does, and
 * nothing of it is part of a running program.
 */
const root = dirname(dirname(import.meta.dirname))
const cliDirectory = join(root, 'dist/cli')
const nodeDirectory = join(root, 'dist/node')

const release = await buildNodeArtifact(root, nodeDirectory)
await packArtifact(nodeDirectory, join(root, 'dist/packed'))
await buildCli(root, cliDirectory)
await buildSupervisor(root, cliDirectory)
await buildHostAgent(root, cliDirectory)
await writeRuntimeList(root, cliDirectory)

console.log(`${relative(root, cliDirectory)}: the CLI`)
console.log(`${relative(root, nodeDirectory)}: the node, release ${release}`)
