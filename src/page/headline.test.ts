import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { networkStates, networkVerdict, STALE_AFTER_MS } from '../wire/verdict.ts'

interface Headline {
  tone: string
  text: string
  title: string
  freshness: string
  isOld: boolean
}
interface Network {
  state: string
  text: string
  served_by: string
}
interface Module {
  STALE_AFTER_MS: number
  headlineOf(network: Network | null, ageMs: number, isChecking: boolean): Headline
  formatAge(ageMs: number): string
  faviconOf(tone: string): string
}

// A file for browsers, as it is served; it has no types of its own.
const url = pathToFileURL(join(import.meta.dirname, 'public/headline.js')).href
const page = (await import(url)) as Module

const green: Network = {
  state: 'resilient-hybrid',
  text: 'Network Status: 🟢 Resilient (Hybrid Mode)',
  served_by: 'alpha',
}

test.each<[string, Network | null, number, boolean, Partial<Headline>]>([
  [
    'a fresh answer',
    green,
    1200,
    false,
    {
      tone: 'good',
      text: 'Network Status: 🟢 Resilient (Hybrid Mode)',
      title: '🟢 Resilient (Hybrid Mode) · alpha',
      freshness: 'updated 1 s ago',
      isOld: false,
    },
  ],
  ['just not old', green, 14_999, false, { tone: 'good', isOld: false }],
  [
    'old',
    green,
    17_000,
    false,
    {
      tone: 'warn',
      text: 'Network Status: ⚠ Resilient (Hybrid Mode)',
      freshness: '⚠ data 17 s old',
      isOld: true,
    },
  ],
  ['just not stale', green, 59_999, false, { tone: 'warn', isOld: true }],
  [
    'stale',
    green,
    60_000,
    false,
    {
      tone: 'unknown',
      text: 'Network Status: ❔ Unknown (no answer for a minute or more)',
      title: '❔ Unknown (no answer for a minute or more) · alpha',
      freshness: '⚠ data 1 min 0 s old',
    },
  ],
  ['after a sleep', green, 3_600_000, true, { tone: 'checking', title: 'Checking… · alpha' }],
  ['at the start', null, 0, true, { tone: 'checking', text: 'Checking…' }],
  ['never an answer', null, 0, false, { tone: 'unknown', title: expect.stringContaining('❔') }],
  ['a state of a later node', { ...green, state: 'glorious' }, 0, false, { tone: 'unknown' }],
])('%s', (_name, network, ageMs, isChecking, expected) => {
  expect(page.headlineOf(network, ageMs, isChecking)).toMatchObject(expected)
})

test('green is claimed for a fresh answer that says so, and for nothing else', () => {
  const networks = fc.option(
    fc.record({
      state: fc.constantFrom(...networkStates),
      text: fc.constantFrom(green.text, 'Network Status: 🔴 Diverged'),
      served_by: fc.string(),
    }),
  )
  fc.assert(
    fc.property(networks, fc.nat(200_000), fc.boolean(), (network, ageMs, isChecking) => {
      const { tone, text, title } = page.headlineOf(network, ageMs, isChecking)
      const mayBeGreen = network !== null && ageMs < 15_000 && !isChecking
      expect(mayBeGreen || !`${text}${title}`.includes('🟢')).toBe(true)
      expect(tone !== 'good' || mayBeGreen).toBe(true)
    }),
  )
})

test('an answer is stale here when the one verdict function takes it for stale', () => {
  expect(page.STALE_AFTER_MS).toBe(STALE_AFTER_MS)
  const answer = {
    ageMs: STALE_AFTER_MS,
    policy: 'auto' as const,
    active: 'P2P' as const,
    isP2pEnabled: true,
    isDiverged: false,
    isHealthy: true,
    reaches: new Map(),
  }
  expect(networkVerdict(['alpha'], [{ name: 'alpha', answer }]).state).toBe('unknown')
})

test('every state has a tone, and every tone its own picture', () => {
  const tones = networkStates.map((state) => page.headlineOf({ ...green, state }, 0, false).tone)
  expect(new Set(tones)).toEqual(new Set(['unknown', 'bad', 'warn', 'good']))
  const pictures = ['good', 'warn', 'bad', 'unknown', 'checking'].map((tone) =>
    page.faviconOf(tone),
  )
  expect(new Set(pictures).size).toBe(5)
  expect(page.faviconOf('other')).toBe(page.faviconOf('unknown'))
})

test.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [185_000, '3 min 5 s'],
  [7_440_000, '2 h 4 min'],
  [262_800_000, '3 d 1 h'],
])('%i ms is %s', (ageMs, text) => {
  expect(page.formatAge(ageMs)).toBe(text)
})
