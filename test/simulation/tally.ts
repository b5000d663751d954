import { Sightings } from './sightings.ts'

/** What some runs came to. */
export interface Tally {
  sightings: Sightings
  runs: number
  simulatedMs: number
}

export const newTally = (): Tally => ({ sightings: new Sightings(), runs: 0, simulatedMs: 0 })
