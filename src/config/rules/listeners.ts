import { type Address, formatAddress, parseAddress } from '../../core/address.ts';
import { formatPath, type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** Addresses to listen on can be read, and no two parts of the program want the same one. */
export function checkListeners(context: RuleContext): void {
  const claims = new Claims(context);
  const datagrams = new Claims(context);
  context.setting('listen')?.forEach((entry, index) => {
    if (typeof entry === 'string') claims.add(entry, ['listen', index]);
    else claims.add(entry.address, ['listen', index, 'address']);
  });
  context.setting('stream_listen')?.forEach((entry, index) => {
    const path = ['stream_listen', index];
    (entry.protocol === 'udp' ? datagrams : claims).add(entry.address, [...path, 'address']);
    if (entry.udp !== undefined && entry.protocol !== 'udp') {
      context.error([...path, 'udp'], 'belongs to a UDP listener', 'add "protocol: udp", or leave it out', 'key');
    }
  });
  claims.add(context.setting('admin')?.address, ['admin', 'address']);
  const dns = context.setting('dns_listen')?.address;
  if (claims.add(dns, ['dns_listen', 'address'])) datagrams.add(dns, ['dns_listen', 'address']);
  claims.add(context.setting('registry')?.address, ['registry', 'address']);
  checkServerPorts(context);
}

/** Who listens where, by one transport protocol. */
class Claims {
  readonly #context: RuleContext;
  readonly #byAddress = new Map<string, Path>();
  /** The first claim of each port, and the first for every address of the machine. */
  readonly #byPort = new Map<number, Path>();
  readonly #wildcards = new Map<number, Path>();

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /** False when the address can't be read or is taken, and that was said. */
  add(text: string | undefined, path: Path): boolean {
    if (text === undefined) return true;
    const address = parseAddress(text);
    if (!address) {
      const hint = 'write "host:port", such as "0.0.0.0:9080"';
      this.#context.error(path, `${quote(text)} is not an address to listen on`, hint);
      return false;
    }
    // Port 0 is a different free port each time.
    if (address.port === 0) return true;
    const other = this.#otherClaim(address);
    if (other) this.#context.error(path, `${formatAddress(address)} is already taken by ${formatPath(other)}`);
    else this.#keep(address, path);
    return other === undefined;
  }

  #otherClaim(address: Address): Path | undefined {
    const { host, port } = address;
    if (WILDCARDS.has(host)) return this.#byPort.get(port);
    return this.#wildcards.get(port) ?? this.#byAddress.get(formatAddress(address).toLowerCase());
  }

  #keep(address: Address, path: Path): void {
    this.#byAddress.set(formatAddress(address).toLowerCase(), path);
    if (!this.#byPort.has(address.port)) this.#byPort.set(address.port, path);
    if (WILDCARDS.has(address.host)) this.#wildcards.set(address.port, path);
  }
}

/** A stream route for a port on which nothing listens is never used; it may be there for another machine. */
function checkServerPorts(context: RuleContext): void {
  if (context.written('stream_listen') && context.setting('stream_listen') === undefined) return;
  const listeners = (context.setting('stream_listen') ?? []).map(({ address, protocol = 'tcp' }) => ({
    protocol,
    port: parseAddress(address)?.port,
  }));
  for (const { item, path } of context.items('stream_routes')) {
    if (item.server_port === undefined) continue;
    const suitable = listeners.filter(({ protocol }) => item.protocol === undefined || item.protocol === protocol);
    if (suitable.some(({ port }) => port === 0 || port === item.server_port)) continue;
    const where = item.protocol === undefined ? 'no stream_listen' : `no stream_listen for ${item.protocol}`;
    const message = `${where} has the port ${item.server_port}`;
    context.warn([...path, 'server_port'], message, 'the route is never used');
  }
}
