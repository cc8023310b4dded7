import type { Socket } from 'node:net';
import type { Address } from '../../src/core/address.ts';
import { TcpBackend } from './tcp-backend.ts';

/** One step of a node's answer: bytes, or how it ends the connection. */
export type Step = string | { readonly end: 'fin' | 'reset' };

export const FIN: Step = { end: 'fin' };
export const RESET: Step = { end: 'reset' };

/** What a node is asked, as far as a script needs it: requests without a body, or with a length. */
export interface Asked {
  readonly head: string;
  readonly method: string;
  readonly target: string;
  /** Which of the node's connections; the first is 1. */
  readonly connection: number;
  /** How many requests the connection had carried before. */
  readonly before: number;
  readonly socket: Socket;
}

/** A node on raw TCP that answers a head as soon as it is there, with whatever the script writes. */
export class ScriptedNode {
  readonly asked: Asked[] = [];
  script: (asked: Asked) => void;
  #tcp: TcpBackend | null = null;

  private constructor(script: (asked: Asked) => void) {
    this.script = script;
  }

  static async start(script: (asked: Asked) => void): Promise<ScriptedNode> {
    const node = new ScriptedNode(script);
    node.#tcp = await TcpBackend.start((socket) => node.#serve(socket));
    return node;
  }

  get address(): Address {
    return { host: '127.0.0.1', port: this.#tcp!.port };
  }

  get accepted(): number {
    return this.#tcp!.accepted;
  }

  get open(): number {
    return this.#tcp!.sockets.size;
  }

  async close(): Promise<void> {
    await this.#tcp?.close();
  }

  #serve(socket: Socket): void {
    const connection = this.accepted;
    let bytes = '';
    let before = 0;
    let bodyLeft = 0;
    socket.on('end', () => socket.end());
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      bytes += text;
      for (;;) {
        const skipped = Math.min(bodyLeft, bytes.length);
        bytes = bytes.slice(skipped);
        bodyLeft -= skipped;
        const end = bytes.indexOf('\r\n\r\n');
        if (bodyLeft > 0 || end < 0) return;
        const head = bytes.slice(0, end + 4);
        bytes = bytes.slice(end + 4);
        bodyLeft = Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? 0);
        const [method = '', target = ''] = head.split(' ', 2);
        const asked = { head, method, target, connection, before, socket };
        before += 1;
        this.asked.push(asked);
        this.script(asked);
      }
    });
  }
}

/** Performs the steps, each in a turn of the event loop of its own. */
export async function perform(socket: Socket, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return;
    if (typeof step === 'string') socket.write(step, 'latin1');
    else if (step.end === 'fin') socket.end();
    else socket.resetAndDestroy();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
