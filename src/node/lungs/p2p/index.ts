/**
 * The P2P lung: carries gossip and sync messages between the members over libp2p, and knows within
 * two seconds which members it reaches. It owns the libp2p node, who may connect, who dials whom, the
 * heartbeat and the redialling. It does not look into what it carries, stores nothing, and decides
 * nothing about HTTP: it reports each peer's life, and the mode machine decides.
 */
export type * from './contract.ts'
export { createP2pLung } from './lung.ts'
