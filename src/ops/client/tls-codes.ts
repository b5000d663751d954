/**
 * Node.js's codes for the alerts of a server that speaks TLS and has no certificate for the name it is
 * asked by: `internal_error` of Caddy, until an authority gave it one, and `unrecognized_name` of others.
 */
export const HAS_NO_CERTIFICATE: ReadonlySet<string> = new Set([
  'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
  'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
])
