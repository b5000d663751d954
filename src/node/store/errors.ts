/** Why the store cannot be used. `corrupt`: what is on disk is not what was written. */
export type StoreErrorCode = 'corrupt' | 'foreign' | 'locked' | 'newer' | 'unwritable'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  readonly hint: string

  constructor(code: StoreErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.hint = hint
  }
}

/** What is on the disk is not what was written. */
export const corrupt = (message: string, cause?: unknown): StoreError =>
  new StoreError(
    'corrupt',
    message,
    'have it repaired (POST /api/lattice/repair): what is sound is kept, and the peers bring the rest',
    cause,
  )
