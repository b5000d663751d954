import * as z from 'zod/mini'

/** What a built node artifact holds; `manifest.json` in its folder, canonical JSON. */
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  name: z.literal('aethel-lattice-node'),
  version: z.string().check(z.maxLength(64)),
  /** File that Node.js runs. */
  entry: z.string(),
  /** Flags that Node.js is given before the entry. */
  flags: z
    .array(z.string().check(z.regex(/^--[a-z-]{1,64}(?:=[a-z0-9]{1,16})?$/)))
    .check(z.maxLength(8)),
  /** Node.js versions that run it, a semver range. */
  engine: z.string().check(z.maxLength(64)),
  /** Wire versions that it speaks. */
  protocols: z.array(z.int().check(z.positive())).check(z.minLength(1)),
  files: z
    .array(
      z.strictObject({
        /** Relative, `/` between parts, no `..`, no leading `/`. */
        path: z
          .string()
          .check(z.regex(/^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._/-]{1,255}$/)),
        bytes: z.int().check(z.nonnegative()),
        sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
      }),
    )
    .check(z.minLength(1))
    .check(z.maxLength(1000)),
})
export type Manifest = z.infer<typeof manifestSchema>

export const MANIFEST_FILE = 'manifest.json'

/** Release ids are `r` and the first 12 hex digits of the SHA-256 of `manifest.json`. */
export const RELEASE_ID = /^r[0-9a-f]{12}$/
