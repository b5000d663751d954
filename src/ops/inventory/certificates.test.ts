import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authority, forAnother, forLocalhost } from '../doctor/certificates.fixture.ts'
import { readAuthorities, readCertificate } from './certificates.ts'
import type { Inventory, SecretReference, ServerSpec } from './inventory.ts'

const { signal } = new AbortController()
const NOW_MS = Date.parse('2026-12-01')
let folder: string
const texts: Record<string, string> = {
  'ca.pem': authority,
  'both.pem': `# two\n${authority}\n${authority}`,
  'leaf.pem': forLocalhost.cert,
  'leaf.key': forLocalhost.key,
  'chain.pem': `${forLocalhost.cert}\n${authority}`,
  'other.pem': forAnother.cert,
  'other.key': forAnother.key,
  'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  'text.pem': 'no certificate',
}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-certificates-'))
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
})
afterAll(() => rmSync(folder, { recursive: true }))

const file = (path: string): SecretReference => ({ kind: 'file', path })
const inventory = (ca: SecretReference | null) =>
  ({ path: join(folder, 'nodes.yaml'), lattice: { ca } }) as Inventory

describe('authorities', () => {
  it('are the certificates that are named, or none', async () => {
    expect(await readAuthorities(inventory(null), signal)).toBeNull()
    expect(await readAuthorities(inventory(file('ca.pem')), signal)).toBe(`${authority}\n`)
    expect(await readAuthorities(inventory(file('both.pem')), signal)).toContain(authority)
  })

  it.each([
    ['text.pem', 'file:text.pem holds no certificate'],
    ['broken.pem', 'file:broken.pem holds no certificate'],
    ['leaf.pem', 'file:leaf.pem holds a certificate that is no authority’s'],
  ])('cannot be %s', async (name, message) => {
    await expect(readAuthorities(inventory(file(name)), signal)).rejects.toMatchObject({
      code: 'certificate',
      exit: 'badInput',
      message,
    })
  })
})

describe('a certificate', () => {
  const read = async (
    certificate: string,
    key: string,
    { url = 'https://localhost', nowMs = NOW_MS } = {},
  ) => {
    const tls = { certificate: file(certificate), key: file(key) }
    const spec = { url, proxy: { kind: 'caddy', tls } } as ServerSpec
    return readCertificate(spec, join(folder, 'nodes.yaml'), nowMs, signal)
  }

  it('is given with its chain and key', async () => {
    expect(await read('chain.pem', 'leaf.key')).toEqual({
      chain: `${texts['chain.pem']}\n`,
      key: `${forLocalhost.key}\n`,
    })
    expect(await read('leaf.pem', 'leaf.key', { url: 'https://127.0.0.1:8443' })).not.toBeNull()
  })

  it('is none for a proxy that gets its own, or none of ours', async () => {
    for (const proxy of [null, { kind: 'caddy' as const, tls: null }]) {
      const spec = { url: 'https://localhost', proxy } as ServerSpec
      expect(await readCertificate(spec, folder, NOW_MS, signal)).toBeNull()
    }
  })

  it.each([
    ['for another name', 'other.pem', 'other.key', {}, /other\.pem is not for localhost/],
    [
      'for no address',
      'other.pem',
      'other.key',
      { url: 'https://10.0.0.1' },
      /not for 10\.0\.0\.1/,
    ],
    ['with another key', 'leaf.pem', 'other.key', {}, /other\.key is not the key/],
    ['with no key', 'leaf.pem', 'text.pem', {}, /text\.pem is not the key/],
    ['expired', 'leaf.pem', 'leaf.key', { nowMs: Date.parse('2200-01-01') }, /has expired/],
    ['none', 'text.pem', 'leaf.key', {}, /holds no certificate/],
  ])('is refused when it is %s', async (_how, certificate, key, terms, message) => {
    await expect(read(certificate, key, terms)).rejects.toMatchObject({
      code: 'certificate',
      message: expect.stringMatching(message) as string,
    })
  })
})
