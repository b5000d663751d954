/** A bug that is planted on purpose: the tests must notice it. */
export interface Mutant {
  /** `group.name` */
  id: string
  /** What the node does wrong with it. */
  about: string
  /** From the root of the repository. */
  file: string
  /** Occurs exactly once in the file. */
  find: string
  replace: string
}

/** The source with the bug in it. Throws unless there is just one place for it. */
export function plant({ find, replace }: Mutant, source: string): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`found in ${parts.length - 1} places, not in one`)
  return parts.join(replace)
}
