import { createPrivateKey, X509Certificate } from 'node:crypto'
import { dirname } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { Certificate } from '../desired/caddy-files.ts'
import type { Inventory, SecretReference, ServerSpec } from './inventory.ts'
import { hostOf } from './origins.ts'
import { formatReference, resolveSecret } from './secrets.ts'
import { certificatesIn } from '../../wire/certificates.ts'
import { isIpv4, isIpv6 } from '../../wire/settings-readers.ts'

/** Certificates that nodes.yaml names. What cannot work is refused here, before any host is touched. */

/**
 * PEM certificates of the authorities that nodes and this program trust beside the public ones.
 *
 * @returns null when nodes.yaml names none
 * @throws OperatorError
 */
export async function readAuthorities(
  { lattice: { ca }, path }: Pick<Inventory, 'lattice' | 'path'>,
  signal: AbortSignal,
): Promise<string | null> {
  if (ca === null) return null
  const text = `${await resolveSecret(ca, dirname(path), signal)}\n`
  for (const certificate of parsed(text, ca)) {
    if (!certificate.ca) refuse(ca, 'holds a certificate that is no authority’s')
  }
  return text
}

/**
 * What the proxy of a server is given to serve its url.
 *
 * @returns null when it gets certificates by itself
 * @throws OperatorError
 */
export async function readCertificate(
  { url, proxy }: ServerSpec,
  path: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<Certificate | null> {
  if (proxy === null || proxy.tls === null) return null
  const { certificate, key } = proxy.tls
  const chain = `${await resolveSecret(certificate, dirname(path), signal)}\n`
  const privateKey = `${await resolveSecret(key, dirname(path), signal)}\n`
  const [leaf] = parsed(chain, certificate)
  const host = hostOf(url)
  const isAddress = isIpv4(host) || isIpv6(host)
  const isFor = isAddress ? leaf?.checkIP(host) : leaf?.checkHost(host)
  if (leaf === undefined || isFor === undefined) refuse(certificate, `is not for ${host}`)
  if (leaf.validToDate.getTime() <= nowMs) refuse(certificate, 'has expired')
  if (!isKeyOf(leaf, privateKey)) refuse(key, 'is not the key of the certificate')
  return { chain, key: privateKey }
}

function isKeyOf(leaf: X509Certificate, text: string): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(text))
  } catch {
    return false
  }
}

function parsed(text: string, reference: SecretReference): X509Certificate[] {
  const blocks = certificatesIn(text)
  try {
    if (blocks.length === 0) throw new Error('none')
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    throw new OperatorError('certificate', `${formatReference(reference)} holds no certificate`, {
      exit: 'badInput',
      hint: 'it must be PEM: -----BEGIN CERTIFICATE----- and so on; a chain begins with the server’s own',
      cause: error,
    })
  }
}

function refuse(reference: SecretReference, problem: string): never {
  throw new OperatorError('certificate', `${formatReference(reference)} ${problem}`, {
    exit: 'badInput',
    hint: 'name another in nodes.yaml',
  })
}
