import { isIP } from 'node:net';
import type { CidrSet } from '../core/cidr.ts';
import { usualIp } from '../core/ip.ts';
import type { RequestHead } from './head.ts';

/** What a node is told of the client's connection. */
export interface ClientConnection {
  /** Address of the peer. */
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  /** Port on which the connection was accepted. */
  readonly localPort: number;
  /** Peers that may speak for others. */
  readonly trusted: CidrSet;
}

/**
 * The forwarding fields of one client connection. What an untrusted client says of itself is overwritten; to the list
 * of a trusted one its own address is added, and its word on scheme, host and port is kept.
 */
export class ClientForwarding {
  readonly remoteAddress: string;
  readonly isTrusted: boolean;
  readonly #scheme: string;
  readonly #port: string;
  readonly #trusted: CidrSet;
  /** The whole text for an untrusted client, up to the value of X-Forwarded-Host. */
  readonly #untrusted: string;

  constructor(client: ClientConnection) {
    this.remoteAddress = usualIp(client.remoteAddress);
    this.isTrusted = client.trusted.has(this.remoteAddress);
    this.#scheme = client.scheme;
    this.#port = String(client.localPort);
    this.#trusted = client.trusted;
    this.#untrusted = this.#lines(this.remoteAddress, this.#scheme, this.#port, this.remoteAddress);
  }

  /** Field lines to send to the node, each with its CR LF. */
  fields(head: RequestHead): string {
    if (!this.isTrusted) {
      return head.authority === '' ? this.#untrusted : `${this.#untrusted}X-Forwarded-Host: ${head.authority}\r\n`;
    }
    const list = head.forwardedFor === '' ? this.remoteAddress : `${head.forwardedFor}, ${this.remoteAddress}`;
    const lines = this.#lines(
      list,
      head.forwardedProto || this.#scheme,
      head.forwardedPort || this.#port,
      this.clientAddress(head),
    );
    const host = head.forwardedHost || head.authority;
    return host === '' ? lines : `${lines}X-Forwarded-Host: ${host}\r\n`;
  }

  /** The right-most address that is not a trusted one: who asked, as far as that can be believed. In the usual spelling. */
  clientAddress(head: RequestHead): string {
    if (!this.isTrusted || head.forwardedFor === '') return this.remoteAddress;
    let client = this.remoteAddress;
    const hops = head.forwardedFor.split(',');
    for (let hop = hops.pop(); hop !== undefined && this.#trusted.has(client); hop = hops.pop()) {
      const address = hop.trim();
      if (isIP(address) === 0) break;
      client = usualIp(address);
    }
    return client;
  }

  #lines(list: string, scheme: string, port: string, client: string): string {
    return `X-Forwarded-For: ${list}\r\nX-Forwarded-Proto: ${scheme}\r\nX-Forwarded-Port: ${port}\r\nX-Real-IP: ${client}\r\n`;
  }
}
