import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { reasonOf } from '../core/errors.ts';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import type { PlannedCertificate } from '../upstream/plan.ts';
import type { Snapshot, SnapshotSource } from '../upstream/snapshot.ts';
import type { ListenerTls } from './listener.ts';
import { patternsOf } from './server-names.ts';

const HANDSHAKE_MS = 10_000;
/** How long a client may resume its session; OpenSSL would give it two hours. */
const SESSION_SECONDS = 300;

/** Why a handshake came to nothing, as far as that is known. */
export interface HandshakeFailure {
  readonly reason: string;
  /** Stable; the system's or the TLS library's where it comes from there. */
  readonly code: string;
  /** What the client asked for. */
  readonly serverName: string | null;
}

interface Handshake {
  readonly timer: WheelTimer;
  readonly done: (secure: TLSSocket) => void;
  failure: HandshakeFailure;
}

const CLOSED = failure('the client closed the connection', 'CLIENT_CLOSED');
const TIMED_OUT = failure('the handshake took too long', 'TLS_TIMEOUT');

export interface TlsTerminatorOptions {
  /** Name of the listener: a session that began at one is not resumed at another, which may show another certificate. */
  readonly name: string;
  readonly tls: ListenerTls;
  readonly wheel: TimerWheel;
  readonly snapshots: SnapshotSource;
}

/**
 * The TLS side of a listener: handshakes with the certificate for the name that the client asks for. Sessions are resumed by
 * tickets (RFC 5077, RFC 8446 section 2.2) that every worker can read: OpenSSL takes their key from the server's own context,
 * whichever certificate is shown.
 */
export class TlsTerminator {
  readonly #options: TlsTerminatorOptions;
  /** Never listens: it is given connections. */
  readonly #server: Server;
  /** Under way, by both addresses. */
  readonly #handshakes = new Map<string, Handshake>();
  /** By id. */
  readonly #contexts = new Map<string, { readonly of: PlannedCertificate; readonly context: SecureContext }>();
  readonly #sessionIdContext: string;
  #known: readonly PlannedCertificate[] = [];
  #ticketKey: Uint8Array | null = null;
  #names = new Map<string, PlannedCertificate>();

  constructor(options: TlsTerminatorOptions) {
    this.#options = options;
    this.#sessionIdContext = createHash('sha256').update(options.name).digest('hex').slice(0, 32);
    this.#server = createServer({
      minVersion: 'TLSv1.2',
      sessionIdContext: this.#sessionIdContext,
      sessionTimeout: SESSION_SECONDS,
      SNICallback: (name, answer) => this.#choose(name, answer),
    });
    this.#server.on('secureConnection', (secure) => this.#secured(secure));
    this.#server.on('tlsClientError', (error, secure) => this.#failed(error, secure));
    options.snapshots.onReplaced((snapshot) => this.#learn(snapshot));
    this.#learn(options.snapshots.current);
  }

  /** Begins a handshake on a connection. `done` is called if it succeeds; if not, `failed`, and the connection is closed. */
  handshake(raw: Socket, done: (secure: TLSSocket) => void, failed: (failure: HandshakeFailure) => void): void {
    const key = keyOf(raw);
    const timer = new WheelTimer(() => {
      handshake.failure = TIMED_OUT;
      raw.destroy();
    });
    const handshake: Handshake = { timer, done, failure: CLOSED };
    this.#handshakes.set(key, handshake);
    this.#options.wheel.arm(timer, HANDSHAKE_MS);
    raw.on('close', () => {
      this.#options.wheel.remove(timer);
      if (this.#handshakes.get(key) !== handshake) return;
      this.#handshakes.delete(key);
      failed(handshake.failure);
    });
    this.#server.emit('connection', raw);
  }

  #secured(secure: TLSSocket): void {
    const key = keyOf(secure);
    const handshake = this.#handshakes.get(key);
    // The client has gone already, and so its address.
    if (!handshake) return void secure.destroy();
    this.#handshakes.delete(key);
    this.#options.wheel.remove(handshake.timer);
    handshake.done(secure);
  }

  #failed(error: NodeJS.ErrnoException, secure: TLSSocket): void {
    const handshake = this.#handshakes.get(keyOf(secure));
    if (handshake) handshake.failure = failure(reasonOf(error), error.code ?? 'TLS_FAILED', nameOf(secure));
    secure.destroy();
  }

  #learn({ certificates, ticketKey }: Snapshot): void {
    if (ticketKey !== null && ticketKey !== this.#ticketKey) {
      this.#ticketKey = ticketKey;
      this.#server.setTicketKeys(Buffer.from(ticketKey));
    }
    if (certificates === this.#known) return;
    this.#known = certificates;
    this.#names = new Map();
    for (const certificate of certificates) {
      for (const name of certificate.names) if (!this.#names.has(name)) this.#names.set(name, certificate);
    }
    const own = certificates.find(({ id }) => id === this.#options.tls.certificate);
    if (own) this.#show(own);
  }

  /** The server's own context is replaced, and with it what is said of sessions. */
  #show({ cert, key }: PlannedCertificate): void {
    this.#server.setSecureContext({
      ...{ cert, key, minVersion: 'TLSv1.2', sessionIdContext: this.#sessionIdContext },
      ...(this.#ticketKey ? { ticketKeys: Buffer.from(this.#ticketKey) } : {}),
    });
  }

  #choose(name: string, answer: (error: Error | null, context?: SecureContext) => void): void {
    const pattern = patternsOf(name.toLowerCase()).find((each) => this.#names.has(each));
    const certificate = pattern === undefined ? undefined : this.#names.get(pattern);
    if (!certificate) return answer(null);
    try {
      answer(null, this.#contextOf(certificate));
    } catch (error) {
      answer(error as Error);
    }
  }

  /** Made when it is first needed: with thousands of certificates that spares a slow start. */
  #contextOf(certificate: PlannedCertificate): SecureContext {
    const { id, cert, key } = certificate;
    const known = this.#contexts.get(id);
    if (known && known.of.cert === cert && known.of.key === key) return known.context;
    const context = createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    this.#contexts.set(id, { of: certificate, context });
    return context;
  }
}

function failure(reason: string, code: string, serverName: string | null = null): HandshakeFailure {
  return { reason, code, serverName };
}

/** The name that the client asks for, in lower case. */
export function nameOf(secure: TLSSocket): string | null {
  const name: unknown = secure.servername;
  return typeof name === 'string' ? name.toLowerCase() : null;
}

/** Node gives no other way from a TLS socket to the connection that it was made of. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
