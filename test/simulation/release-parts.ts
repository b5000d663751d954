/** What a release of the node brings into a run: everything that decides, and everything on the wire. */
export { Core } from '../../src/node/replica/core.ts'
export { decodeSnapshot } from '../../src/node/replica/snapshot.ts'
export { syncAnswer } from '../../src/node/sync-answer.ts'
export { decodeCheckpoint } from '../../src/wire/checkpoint.ts'
export { decodeEntry } from '../../src/wire/entry.ts'
export {
  decodeFrame,
  decodeSyncRequest,
  encodeFrame,
  encodeSyncRequest,
} from '../../src/wire/sync.ts'
