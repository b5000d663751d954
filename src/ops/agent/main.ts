import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { actsOn } from './acts.ts'
import { debianCaddy } from './caddy.ts'
import { isTableUp, nftProblemIn } from './firewall.ts'
import { linuxUsers, NODE_NAME, ROOT_FOLDER, type Host } from './host.ts'
import { serve } from './serve.ts'
import { systemd } from './systemd.ts'

/**
 * Entry of the host agent: `node <program> <node folder> <node name> <kept | lent>`, run as root by the
 * script that enters a host. It does what the CLI asks over standard input and output, and ends with
 * its input. A program that is only lent lies in a folder of its own, which goes at once.
 */
const [path, root = '', node = '', how] = process.argv.slice(1)
if (path === undefined || !ROOT_FOLDER.test(root) || !NODE_NAME.test(node)) {
  throw new Error('usage: host-agent <node folder> <node name> <kept | lent>')
}
process.umask(0o022)
process.chdir('/')
// Ended with its input; a connection that breaks must not end it in the midst of an answer.
process.on('SIGHUP', () => undefined)
process.stdout.on('error', () => undefined)

const text = readFileSync(path)
const program = { sha256: hash('sha256', text), text }
if (how === 'lent') rmSync(dirname(path), { recursive: true, force: true })

const host: Host = {
  node,
  root,
  etc: '/etc',
  users: linuxUsers,
  services: systemd,
  caddy: debianCaddy,
  firewallProblemIn: nftProblemIn,
  isFirewallUp: async () => isTableUp(node),
  program,
}
const connection = {
  input: process.stdin,
  write: async (bytes: Uint8Array): Promise<void> => {
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
  },
}
await serve(connection, actsOn(host)).catch(() => undefined)
process.exit()
