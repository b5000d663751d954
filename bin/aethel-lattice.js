#!/usr/bin/env node
// Starts the built CLI. On a Node.js that is too old for it, the Node.js that `npm ci` brought runs it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cli = new URL('../dist/cli/main.js', import.meta.url)

if (!existsSync(cli)) fail('The CLI is not built yet. Run `npm run build` first.')
else if (Number.parseInt(process.versions.node) >= 22) await run()
else runWith(ownNode())

async function run() {
  // Compiled code is kept for the next run: a third of the time until a command begins.
  const caches = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  module.enableCompileCache?.(join(caches, 'aethel-lattice', 'compiled'))
  await import(cli.href)
}

function ownNode() {
  const platform = `${process.platform}-${process.arch}`
  const { resolve } = createRequire(import.meta.url)
  for (const name of [`node-${platform}`, `node-bin-${platform}`]) {
    try {
      return resolve(`${name}/bin/node`)
    } catch {}
  }
}

function runWith(node) {
  if (!node) return fail(`Node.js ${process.versions.node} is too old. Install 22.22.2 or newer.`)
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal's Ctrl-C reaches the child by itself; once is enough.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
  }
  child.on('exit', (code, signal) => {
    if (!signal) return process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function fail(message) {
  console.error(message)
  process.exitCode = 1
}
