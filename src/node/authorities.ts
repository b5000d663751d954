import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { certificatesIn } from '../wire/certificates.ts'
import { StartError } from './keys.ts'

/**
 * Has every TLS connection of this process trust the authorities in `file`, beside those that it trusts
 * anyway. Empty: no others. @throws StartError
 */
export function trustAuthorities(file: string): void {
  if (file === '') return
  try {
    const own = certificatesIn(readFileSync(file, 'utf8'))
    if (own.length === 0) throw new Error('there are none')
    setDefaultCACertificates([...getCACertificates('default'), ...own])
  } catch (error) {
    throw new StartError(
      `the certificates in ${file} cannot be used: ${(error as Error).message}`,
      'give AETHEL_CA_FILE a file with certificates (PEM)',
    )
  }
}
