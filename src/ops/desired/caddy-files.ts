/** What Caddy of a host is given for a node's url: the site, and a certificate with its key if it has one. */
export const caddyFilesOf = (node: string) => ({
  site: `${node}.caddy`,
  certificate: `${node}.crt`,
  key: `${node}.key`,
})

/** Where these lie on the host, below the folder of Caddy's settings; Caddy's own file includes the sites. */
export const CADDY_FOLDER = '/etc/caddy/aethel-lattice'

/** Certificate chain and private key, PEM. */
export interface Certificate {
  chain: string
  key: string
}

/** The files of a certificate among the node's settings, both as secrets. */
export const certificateFiles = (node: string, { chain, key }: Certificate) => {
  const names = caddyFilesOf(node)
  return [
    { path: `host/${names.certificate}`, mode: 0o644, text: chain },
    { path: `host/${names.key}`, mode: 0o640, text: key },
  ]
}
