import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseHostKeyPin, parsePublicKey, type HostKeyPin } from '../host-key.ts'
import type { HostKeyKnowledge } from '../judge-host-key.ts'
import { parseKnownHosts } from '../known-hosts.ts'

/** Made by ssh-keygen, with the fingerprints that `ssh-keygen -lf` shows. */
export const keys = readFileSync(join(import.meta.dirname, 'keys.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', fingerprint = '', ...text] = line.split(' ')
    const key = parsePublicKey(text.join(' '))
    if (key === null) throw new Error(`${name} cannot be read`)
    return { name, fingerprint, text: text.join(' '), key }
  })
export const keyNamed = (name: string) => {
  const found = keys.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no key ${name}`)
  return found
}
const textOf = (name: string): string => keyNamed(name).text
/** What these lines, and these pins, say of the host `alpha`. `$name` stands for a key. */
export const knowledge = (text: string, pins: readonly string[] = []): HostKeyKnowledge => ({
  name: 'alpha',
  lines: parseKnownHosts(
    text.replaceAll(/\$(\w+)/g, (_all, name: string) => textOf(name)),
    'kh',
  ),
  pins: pins.map((pin): HostKeyPin => {
    const read = parseHostKeyPin(pin.startsWith('$') ? textOf(pin.slice(1)) : pin)
    if (read === null) throw new Error(`${pin} is no pin`)
    return read
  }),
})

/** The name of the key with this fingerprint. */
export const named = (fingerprint: string): string | undefined =>
  keys.find((one) => one.fingerprint === fingerprint)?.name
