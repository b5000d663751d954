import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Actor } from './actor.ts'
import type { Links } from './nodes.ts'

/** What all rows of one run share. */
export interface Setting {
  /** Everything of the run lies here until its end: removing large files in between slows the disk down. */
  directory: string
  links: Links
  /** Fewer rounds and smaller logs. */
  isQuick: boolean
  /** Peers that are installed for this run. */
  peers: readonly PeerName[]
}

export const peerNames = ['gossiplog', 'orbitdb'] as const
export type PeerName = (typeof peerNames)[number]

export const newDirectory = ({ directory }: Setting, name: string): string =>
  mkdtempSync(join(directory, `${name}-`))

export const floorActor = (): Actor => new Actor(join(import.meta.dirname, 'contenders/floor.ts'))

export const peerActor = (name: PeerName): Actor =>
  new Actor(join(import.meta.dirname, 'peers', name, 'contender.mjs'))
