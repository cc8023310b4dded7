/** Headgate as a library: what a Node.js program may import. Everything else may change without notice. */
export { HeadgateError } from './core/errors.ts';
export type { Log } from './core/log.ts';
export { type PickedNode, type UpstreamClient, type UpstreamOptions, upstream } from './library/upstream.ts';
