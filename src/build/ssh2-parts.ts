import { join } from 'node:path'
import type { Plugin } from 'esbuild'

const NAMESPACE = 'ssh2-parts'

const contents = `
import { BaseAgent, createAgent } from './lib/agent.js'
import Client from './lib/client.js'
import { parseKey } from './lib/protocol/keyParser.js'
export default { BaseAgent, Client, createAgent, utils: { parseKey } }
`

/**
 * Takes from ssh2 what logs in at a host, and not its server, its HTTP agents and its making of keys.
 * What it would have compiled, and tries to load, is left outside.
 */
export const ssh2Parts: Plugin = {
  name: 'ssh2-parts',
  setup: (build) => {
    // Not by `resolve`, which follows symlinks: no path outside the root gets into the output.
    const resolveDir = join(build.initialOptions.absWorkingDir ?? '', 'node_modules/ssh2')
    build.onResolve({ filter: /^ssh2$/ }, ({ path }) => ({ path, namespace: NAMESPACE }))
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, () => ({ contents, resolveDir }))
    build.onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, external: true }))
  },
}
