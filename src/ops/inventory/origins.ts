/** The host in an origin, without the brackets of an IPv6 address. */
export const hostOf = (origin: string): string =>
  new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')

/** The port in an origin, written or not. */
export function portOf(origin: string): number {
  const { port, protocol } = new URL(origin)
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}

/** Whether something before the node ends TLS: the node itself speaks plain HTTP. */
export const isProxied = (origin: string): boolean => origin.startsWith('https:')
