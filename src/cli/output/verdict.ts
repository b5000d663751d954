import type { Verdict } from '../../wire/verdict.ts'
import type { Paint } from './paint.ts'

const marks: Record<Verdict, string> = { PASS: '✔', FAIL: '✘', UNKNOWN: '?' }

const tones: Record<Verdict, 'good' | 'bad' | 'unsure'> = {
  PASS: 'good',
  FAIL: 'bad',
  UNKNOWN: 'unsure',
}

export const markOf = (verdict: Verdict, paint: Paint): string =>
  paint[tones[verdict]](marks[verdict])

/** `✔ PASS`: never the mark alone, which a font or a reader may lack. */
export const formatVerdict = (verdict: Verdict, paint: Paint): string =>
  paint[tones[verdict]](`${marks[verdict]} ${verdict}`)
