import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ed25519 } from '../../src/ops/verify/recompute/signature.ts'
import { tagged, tags, verifySignature, verifySignatureAside } from '../../src/wire/signature.ts'
import { realKey } from '../simulation/members.ts'
import edges from '../vectors/ed25519-edge-cases.json' with { type: 'json' }
import vectors from '../vectors/ed25519.json' with { type: 'json' }
import {
  add,
  areEqual,
  BASE,
  bytesOf,
  challenge,
  decoded,
  encoded,
  IDENTITY,
  isAccepted,
  isAcceptedWithCofactor,
  isEqual,
  multiply,
  numberOf,
  ORDER,
  type Point,
} from './ed25519-reference.ts'
import { flipped } from './rig.ts'

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
const recomputed = ed25519()

describe('known answers', () => {
  it.each(vectors.rfc8032)('RFC 8032 test $name', ({ publicKey, message, signature }) => {
    const [key, text, by] = [publicKey, message, signature].map(fromHex) as Three
    expect([recomputed(key, text, by), isAccepted(key, text, by)]).toEqual([true, true])
    const wrong = flipped(by, 3)
    expect([recomputed(key, text, wrong), isAccepted(key, text, wrong)]).toEqual([false, false])
  })

  it.each(edges.speccheck)('speccheck $number: $ours, $why', (one) => {
    const [key, text, by] = [one.publicKey, one.message, one.signature].map(fromHex) as Three
    expect(isEqual(key, text, by)).toBe(one.openssl)
    expect(isAccepted(key, text, by)).toBe(one.ours)
    expect(recomputed(key, text, by)).toBe(one.ours)
  })

  // No small order; no torsion left over; R canonical; the challenge over the bytes as they came.
  const refusing = ['low_order_A', 'low_order_R', 'low_order_residue', 'reencoded_k']
  it.each(edges.cctv)('C2SP/CCTV $number: $flags', ({ publicKey, message, signature, flags }) => {
    const [key, by] = [fromHex(publicKey), fromHex(signature)]
    const text = new Uint8Array(Buffer.from(message))
    const expected = !flags.some((flag) => refusing.includes(flag))
    expect([isAccepted(key, text, by), recomputed(key, text, by)]).toEqual([expected, expected])
  })
})

type Three = [Uint8Array, Uint8Array, Uint8Array]

// The node's verifier takes tagged bytes alone, so the odd signatures it is shown are made here.
const SECRET = 0x1234_5678_9abc_def0_1111_2222_3333_4444n
const NONCE = 0x0fed_cba9_8765_4321_5555_6666_7777_8888n
const torsion = decoded(
  fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
) as Point
const clean = multiply(SECRET, BASE)
const mixed = add(clean, torsion)

interface Forged {
  key: Uint8Array
  text: Uint8Array
  signature: Uint8Array
}

/**
 * A signature with these parts: `s` solves the equation but for torsion. The text is the first for which
 * the challenge leaves `rest` modulo 8, since that decides what becomes of the torsion.
 */
function forge(parts: {
  key: Uint8Array
  secret: bigint
  r: Uint8Array
  nonce: bigint
  rest?: bigint
}): Forged {
  const { key, secret, r, nonce, rest } = parts
  for (let number = 0; ; number += 1) {
    const text = new Uint8Array(Buffer.from(`text ${number}`))
    const h = challenge(r, key, tagged(tags.entry, text))
    if (rest !== undefined && h % 8n !== rest) continue
    const s = (nonce + h * secret) % ORDER
    return { key, text, signature: new Uint8Array([...r, ...bytesOf(s)]) }
  }
}

const point = (of: Point): Uint8Array => encoded(of)
const cleanR = point(multiply(NONCE, BASE))
const sound = forge({ key: point(clean), secret: SECRET, r: cleanR, nonce: NONCE })
const withS = (change: (s: bigint) => bigint): Forged => {
  const s = change(numberOf(sound.signature.slice(32)))
  return { ...sound, signature: new Uint8Array([...cleanR, ...bytesOf(s)]) }
}
const smallKey = (hex: string): Forged =>
  forge({ key: fromHex(hex), secret: 0n, r: cleanR, nonce: NONCE, rest: 0n })
const ownKey = { key: point(clean), secret: SECRET }
const mixedKey = { key: point(mixed), secret: SECRET }

/** `cofactored`: what a verifier that multiplies by 8 says of it. */
const cases: [what: string, forged: Forged, ours: boolean, cofactored: boolean][] = [
  ['a sound signature', sound, true, true],
  ['s + order', withS((s) => s + ORDER), false, true],
  ['s + 8 · order', withS((s) => s + 8n * ORDER), false, true],
  ['s with its highest bit', withS((s) => s | (1n << 255n)), false, false],
  ['s = order', withS(() => ORDER), false, false],
  ['s = 0', withS(() => 0n), false, false],
  [
    'a key of mixed order, torsion cancelled',
    forge({ ...mixedKey, r: cleanR, nonce: NONCE, rest: 0n }),
    true,
    true,
  ],
  [
    'a key of mixed order, torsion left',
    forge({ ...mixedKey, r: cleanR, nonce: NONCE, rest: 3n }),
    false,
    true,
  ],
  [
    'R of mixed order',
    forge({ ...ownKey, r: point(add(multiply(NONCE, BASE), torsion)), nonce: NONCE }),
    false,
    true,
  ],
  [
    'R and the key of mixed order, torsions cancelled',
    forge({
      ...mixedKey,
      r: point(add(multiply(NONCE, BASE), torsion)),
      nonce: NONCE,
      rest: 7n,
    }),
    true,
    true,
  ],
  ['R of order 8', forge({ ...ownKey, r: point(torsion), nonce: 0n }), false, true],
  [
    'R of order 8 and a key of mixed order, torsions cancelled',
    forge({ ...mixedKey, r: point(torsion), nonce: 0n, rest: 7n }),
    false,
    true,
  ],
  ['R = the identity', forge({ ...ownKey, r: point(IDENTITY), nonce: 0n }), false, true],
  [
    'R = the identity as −0',
    forge({ ...ownKey, r: fromHex(`01${'00'.repeat(30)}80`), nonce: 0n }),
    false,
    true,
  ],
  [
    'R = the identity as p + 1',
    forge({ ...ownKey, r: fromHex(`ee${'ff'.repeat(30)}7f`), nonce: 0n }),
    false,
    true,
  ],
  ...[
    ['01', '00', '00'],
    ['01', '00', '80'],
    ['ee', 'ff', '7f'],
    ['ee', 'ff', 'ff'],
    ['ec', 'ff', '7f'],
    ['ec', 'ff', 'ff'],
    ['00', '00', '00'],
    ['00', '00', '80'],
    ['ed', 'ff', '7f'],
    ['ed', 'ff', 'ff'],
  ].map(([first = '', middle = '', last = '']): (typeof cases)[number] => {
    const hex = first + middle.repeat(30) + last
    return [`the small-order key ${first}${middle}…${last}`, smallKey(hex), false, true]
  }),
  ...['05', '85'].map((end): (typeof cases)[number] => [
    `the key of order 8 that ends in ${end}`,
    smallKey(`26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc${end}`),
    false,
    true,
  ]),
  ...['7a', 'fa'].map((end): (typeof cases)[number] => [
    `the key of order 8 that ends in ${end}`,
    smallKey(`c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03${end}`),
    false,
    true,
  ]),
]

describe('both verifiers', () => {
  const answers = ({ key, text, signature }: Forged): boolean[] => [
    verifySignature(key, tags.entry, text, signature),
    recomputed(key, tagged(tags.entry, text), signature),
    isAccepted(key, tagged(tags.entry, text), signature),
  ]

  it.each(cases)('%s: %#', async (_what, forged, ours, cofactored) => {
    expect(answers(forged)).toEqual([ours, ours, ours])
    const { key, signature } = forged
    expect(await verifySignatureAside(key, tags.entry, forged.text, signature)).toBe(ours)
    const text = tagged(tags.entry, forged.text)
    expect(isAcceptedWithCofactor(key, text, signature)).toBe(cofactored)
  })

  it('take no key that is no point, nor one whose y is above the field', () => {
    // p + 3 … p + 18: the encodings above the field that are not of small order, where they are points.
    const above = Array.from({ length: 16 }, (_, index) =>
      bytesOf(2n ** 255n - 19n + BigInt(index + 3)),
    )
    expect(above.filter((key) => decoded(key) !== null).length).toBeGreaterThan(0)
    const none = Array.from({ length: 40 }, (_, y) => bytesOf(BigInt(y))).filter(
      (key) => decoded(key) === null,
    )
    expect(none.length).toBeGreaterThan(0)
    for (const key of [...above, ...none]) {
      const forged = forge({ key, secret: SECRET, r: cleanR, nonce: NONCE })
      expect(answers(forged)).toEqual([false, false, false])
    }
  })

  it.each([
    [0, 64],
    [31, 64],
    [33, 64],
    [32, 0],
    [32, 63],
    [32, 65],
  ])('take no key of %i bytes with a signature of %i', (keyLength, signatureLength) => {
    const key = new Uint8Array(keyLength).fill(1)
    const by = new Uint8Array(signatureLength).fill(1)
    expect(verifySignature(key, tags.entry, sound.text, by)).toBe(false)
    expect(recomputed(key, tagged(tags.entry, sound.text), by)).toBe(false)
  })

  it('agree on what was signed and bent', () => {
    const { publicKey, sign } = realKey(3)
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(),
        fc.nat({ max: 3 }),
        (text, bit, what) => {
          const signature = new Uint8Array(sign(tags.entry, text))
          const bent = [
            { key: publicKey, text, signature },
            { key: publicKey, text, signature: flipped(signature, bit % 512) },
            { key: flipped(publicKey, bit % 256), text, signature },
            { key: publicKey, text: new Uint8Array([...text, 0]), signature },
          ][what] as Forged
          const [first, ...others] = answers(bent)
          expect(first).toBe(what === 0)
          expect(others).toEqual([first, first])
        },
      ),
      { numRuns: 200 },
    )
  })
})

it('the reference’s base point has the order that the RFC says', () => {
  expect(areEqual(multiply(ORDER, BASE), IDENTITY)).toBe(true)
  expect(areEqual(multiply(4n, torsion), IDENTITY)).toBe(false)
  expect(areEqual(multiply(8n, torsion), IDENTITY)).toBe(true)
})
