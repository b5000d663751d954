/** What runs are there to make happen: a campaign in which one of these never did has shown nothing about it. */
export const sights = [
  'acknowledged',
  'overdraft revealed by a merge',
  'late entry',
  'fallback to HTTP',
  'back to P2P',
  'receipt reached',
  'receipt not reached',
  'crash',
  'torn write dropped',
  'torn write kept',
  'no space left',
  'write failed',
  'corruption refused',
  'disk lost',
  'entry lost with its only disk',
  'clock jumped',
  'entry held back',
  'other release',
  'lie told',
  'lie refused',
  'divergence told',
  'evidence formed',
  'state made anew',
  'entry before a final one',
  'log sealed',
  'log cut',
  'reincarnated',
  'directory retired',
  'retirement refused',
  'started from a snapshot',
  'kept state not used',
  'exchange over P2P',
  'exchange over HTTP',
  'exchange failed',
  'step',
] as const
export type Sight = (typeof sights)[number]

/** How often each of them was seen. */
export class Sightings {
  readonly counts: Record<Sight, number>

  constructor() {
    this.counts = Object.fromEntries(sights.map((sight) => [sight, 0])) as Record<Sight, number>
  }

  see(sight: Sight, times = 1): void {
    this.counts[sight] += times
  }

  add(counts: Readonly<Record<Sight, number>>): void {
    for (const sight of sights) this.counts[sight] += counts[sight]
  }

  /** What was never seen. */
  missing(): Sight[] {
    return sights.filter((sight) => this.counts[sight] === 0)
  }
}
