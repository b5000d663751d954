import { join } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * Takes of a package what `contents` exports, by the package's own files: both are CommonJS, so bundling
 * by itself leaves nothing out. Whoever imports another name is told so by the build.
 */
function partsOf(name: string, contents: string): Plugin {
  const namespace = `${name}-parts`
  return {
    name: namespace,
    setup: (build) => {
      // Not by `resolve`, which follows symlinks: no path outside the root gets into the output.
      const resolveDir = join(build.initialOptions.absWorkingDir ?? '', 'node_modules', name)
      build.onResolve({ filter: RegExp(`^${name}$`) }, ({ path }) => ({ path, namespace }))
      build.onLoad({ filter: /.*/, namespace }, () => ({ contents, resolveDir }))
    },
  }
}

/**
 * What asks questions, as `undici` puts it together, and not its fetch, WebSocket, caches and mocks: they
 * are half of what a command would load.
 */
export const undiciParts = partsOf(
  'undici',
  `
import Agent from './lib/dispatcher/agent.js'
import Dispatcher from './lib/dispatcher/dispatcher.js'
import request from './lib/api/api-request.js'
import errors from './lib/core/errors.js'
Object.assign(Dispatcher.prototype, { request })
export { Agent, errors }
`,
)

/** What logs in at a host, and not ssh2's server, its HTTP agents and its making of keys. */
export const ssh2Parts = partsOf(
  'ssh2',
  `
import { BaseAgent, createAgent } from './lib/agent.js'
import Client from './lib/client.js'
import { parseKey } from './lib/protocol/keyParser.js'
export default { BaseAgent, Client, createAgent, utils: { parseKey } }
`,
)
