/** What the platform of Spaces allows, as far as addresses depend on it. */

/** The ports that a Space can dial, anywhere. */
export const SPACE_OUTBOUND_PORTS: readonly number[] = [80, 443, 8080]

/** The one port of a Space's container; the platform serves it as HTTPS on 443. */
export const SPACE_HTTP_PORT = 7860
