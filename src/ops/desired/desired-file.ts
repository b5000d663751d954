/** A file that a node should have; `path` is relative, with `/` between parts. */
export interface DesiredFile {
  path: string
  mode: number
  text: string
}
