import { chdir } from 'node:process'
import { supervise } from './supervise.ts'

/**
 * Entry of the program that keeps one local node running: `node supervisor.mjs <node folder> <launch>`.
 * SIGTERM ends the node, then this.
 */
const [root, launch] = process.argv.slice(2)
if (root === undefined || launch === undefined) {
  throw new Error('usage: supervisor <node folder> <launch>')
}

const stopping = new AbortController()
process.on('SIGTERM', () => stopping.abort())
process.on('SIGINT', () => stopping.abort())
// The terminal that started it may close; the node goes on.
process.on('SIGHUP', () => undefined)

chdir(root)
await supervise(root, launch, stopping.signal)
process.exit()
