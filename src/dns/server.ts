import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, isIPv6 } from 'node:net';
import { type Address, formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { respond } from './responder.ts';
import { TcpService } from './tcp-service.ts';
import type { Zone } from './zone.ts';

/** With port 0 the port that TCP was given may be taken for UDP: then another one is tried. */
const PORT_TRIES = 8;

/** The DNS listener: answers by UDP and TCP on one port. */
export class DnsServer implements Closable {
  readonly #address: Address;
  readonly #zone: Zone;
  readonly #clock: Clock;
  readonly #log: Log;
  #tcp: TcpService | null = null;
  #udp: Socket | null = null;

  constructor(address: Address, zone: Zone, clock: Clock, log: Log) {
    // The name may stand for two addresses; a listener has one.
    const host = address.host.toLowerCase() === 'localhost' ? '127.0.0.1' : address.host;
    this.#address = { host, port: address.port };
    this.#zone = zone;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves with the bound address. Rejects with a HeadgateError that says what to change when it can't listen. */
  async start(): Promise<Address> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#listen();
      } catch (error) {
        await this.close();
        if (this.#address.port === 0 && tries < PORT_TRIES) continue;
        throw cannotListen(this.#address, error);
      }
    }
  }

  async close(): Promise<void> {
    const tcp = this.#tcp;
    const udp = this.#udp;
    this.#tcp = null;
    this.#udp = null;
    await tcp?.close();
    if (udp) await new Promise<void>((resolve) => udp.close(resolve));
  }

  async #listen(): Promise<Address> {
    const { host, port } = this.#address;
    this.#tcp = new TcpService(this.#clock, (message) => respond(this.#zone, message, 'tcp', this.#log));
    const { server } = this.#tcp;
    server.listen({ host, port });
    await once(server, 'listening');
    const bound = server.address() as AddressInfo;
    server.on('error', (error) => this.#report(error));
    const udp = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#udp = udp;
    udp.bind(bound.port, host);
    await once(udp, 'listening');
    udp.on('error', (error) => this.#report(error));
    udp.on('message', (message, peer) => {
      const answer = respond(this.#zone, message, 'udp', this.#log);
      // A client that is gone is no fault of ours, and a port of 0 can't be answered.
      if (answer && peer.port > 0) udp.send(answer, peer.port, peer.address, () => {});
    });
    return { host: bound.address, port: bound.port };
  }

  #report(error: Error): void {
    this.#log.error('dns.listener', `the DNS listener has a fault: ${reasonOf(error)}`);
  }
}

function cannotListen(address: Address, error: unknown): HeadgateError {
  const message = `the DNS listener can't use ${formatAddress(address)}: ${reasonOf(error)}; set another dns_listen.address`;
  return new HeadgateError(message, { code: 'DNS_LISTEN', source: 'self', cause: error });
}
