import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { trustAuthorities } from './authorities.ts'

const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256

/** By fingerprints: texts come back as others. */
const trusted = (): Set<string> => new Set(getCACertificates('default').map(fingerprintOf))

const before = getCACertificates('default')
const trustedBefore = trusted()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-authorities-'))
})
afterEach(() => {
  setDefaultCACertificates(before)
  rmSync(folder, { recursive: true })
})

it('adds to those that are trusted anyway', () => {
  const [own = '', ...others] = before
  setDefaultCACertificates(others)
  const file = join(folder, 'ca.pem')
  writeFileSync(file, `# ours\n${own}\n`)
  trustAuthorities(file)
  expect(trusted()).toContain(fingerprintOf(own))
  expect(trusted().symmetricDifference(trustedBefore).size).toBe(0)
})

it('changes nothing when no file is named', () => {
  trustAuthorities('')
  expect(trusted().symmetricDifference(trustedBefore).size).toBe(0)
})

it.each([
  null,
  '',
  'no certificate',
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
])('refuses a file that cannot be used: %j', (text) => {
  const file = join(folder, 'ca.pem')
  if (text !== null) writeFileSync(file, text)
  expect(() => trustAuthorities(file)).toThrow(/ca\.pem cannot be used/)
  expect(trusted().symmetricDifference(trustedBefore).size).toBe(0)
})
