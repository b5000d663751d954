import { join } from 'node:path'
import type { Plugin } from 'esbuild'

const NAMESPACE = 'undici-parts'

/** What `undici` would do on its own way to these exports; it is CommonJS, so nothing can be left out. */
const contents = `
import Agent from './lib/dispatcher/agent.js'
import Dispatcher from './lib/dispatcher/dispatcher.js'
import request from './lib/api/api-request.js'
import errors from './lib/core/errors.js'
Object.assign(Dispatcher.prototype, { request })
export { Agent, errors }
`

/**
 * Takes from undici what asks questions, and not its fetch, WebSocket, caches and mocks: they are half
 * of what a command would load. Whoever imports another name is told so by the build.
 */
export const undiciParts: Plugin = {
  name: 'undici-parts',
  setup: (build) => {
    // Not by `resolve`, which follows symlinks: no path outside the root gets into the output.
    const resolveDir = join(build.initialOptions.absWorkingDir ?? '', 'node_modules/undici')
    build.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: NAMESPACE }))
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, () => ({ contents, resolveDir }))
  },
}
