import type { UdpSession } from './udp-session.ts';

/** A client address, and its sessions by `sessionKey`. */
export class UdpSource {
  readonly address: string;
  readonly sessions = new Map<number, UdpSession>();

  constructor(address: string) {
    this.address = address;
  }
}

/** A client's port on one of the listener's sockets. */
export function sessionKey(localId: number, port: number): number {
  return localId * 65_536 + port;
}

/**
 * The sessions of a listener: by client, and in the order of their last use. All have the same idle timeout, so that order
 * is also the one in which they end, and a datagram moves no timer.
 */
export class UdpSessions {
  readonly #sources = new Map<string, UdpSource>();
  #oldest: UdpSession | null = null;
  #newest: UdpSession | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that was used least recently. */
  get oldest(): UdpSession | null {
    return this.#oldest;
  }

  find(address: string, key: number): UdpSession | undefined {
    return this.#sources.get(address)?.sessions.get(key);
  }

  add(session: UdpSession): void {
    let source = this.#sources.get(session.address);
    if (!source) {
      source = new UdpSource(session.address);
      this.#sources.set(session.address, source);
    }
    source.sessions.set(session.key, session);
    this.#size += 1;
    this.#append(session);
  }

  remove(session: UdpSession): void {
    const source = this.#sources.get(session.address);
    if (!source?.sessions.delete(session.key)) return;
    if (source.sessions.size === 0) this.#sources.delete(session.address);
    this.#size -= 1;
    this.#unlink(session);
  }

  /** The session was used. */
  touch(session: UdpSession): void {
    if (session === this.#newest) return;
    this.#unlink(session);
    this.#append(session);
  }

  /** From the least recently used on. Sessions may be removed meanwhile. */
  *[Symbol.iterator](): Generator<UdpSession> {
    let session = this.#oldest;
    while (session) {
      const next: UdpSession | null = session.newer;
      yield session;
      session = next;
    }
  }

  #append(session: UdpSession): void {
    session.older = this.#newest;
    session.newer = null;
    if (this.#newest) this.#newest.newer = session;
    else this.#oldest = session;
    this.#newest = session;
  }

  #unlink(session: UdpSession): void {
    if (session.older) session.older.newer = session.newer;
    else this.#oldest = session.newer;
    if (session.newer) session.newer.older = session.older;
    else this.#newest = session.older;
    session.older = null;
    session.newer = null;
  }
}
