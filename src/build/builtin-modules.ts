import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

const NAMESPACE = 'builtin'

/**
 * Takes from Node's own modules what is used of them, instead of importing them. An `import` makes Node
 * read every export, and some of `node:http` are made when they are first read: its WebSocket loads an
 * HTTP client that nobody here uses. That is a third of the time from a node's start until it answers.
 */
export const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup: (build) => {
    build.onResolve({ filter: /^(?:node:)?[a-z0-9_/]+$/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: NAMESPACE } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
      contents: exportsOf(path),
    }))
  },
}

/** A module with the exports of the builtin one; esbuild leaves out those that nobody imports. */
function exportsOf(builtin: string): string {
  const all = Object.keys(process.getBuiltinModule(builtin) ?? {})
  const names = all.filter(isIdentifier).toSorted()
  return [
    `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(builtin)})`,
    'export default builtin',
    ...names.map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})()`),
  ].join('\n')
}

const isIdentifier = (name: string): boolean => /^[a-z_$][\w$]*$/i.test(name) && name !== 'default'
