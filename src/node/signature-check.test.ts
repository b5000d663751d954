import { expect, it } from 'vitest'
import { chainOf, makeLattice } from '../../test/simulation/members.ts'
import { isSigned, type SignedEntry } from '../wire/entry.ts'
import { SignatureCheck } from './signature-check.ts'

const lattice = makeLattice(1, { isReal: true })
const [sound, other] = chainOf(lattice, 0, [
  [1, { kind: 'noop', note: 'a' }],
  [2, { kind: 'noop', note: 'b' }],
]) as [SignedEntry, SignedEntry]

it('says of each entry what the one verifier says, looked at before or not', async () => {
  const check = new SignatureCheck()
  const forged = { ...sound, signature: other.signature }
  await check.lookAt([sound, forged])
  expect([sound, forged, other].map((one) => isSigned(one, check.verify))).toEqual([
    true,
    false,
    true,
  ])
  const changed = { ...sound, bytes: other.bytes }
  expect(isSigned(changed, check.verify)).toBe(false)
})

it('says no of what it has looked at and is not sound, whatever it looked at beside', async () => {
  const check = new SignatureCheck()
  const forged = { ...sound, signature: other.signature }
  await check.lookAt([forged])
  expect(isSigned(forged, check.verify)).toBe(false)
})
