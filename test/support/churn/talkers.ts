import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';

const PATIENCE_MS = 15_000;

/** A connection that is kept for as long as the test runs, and on which something is said and heard again and again. */
export interface Talker {
  /** What went wrong, one line each; nothing should. */
  readonly failures: readonly string[];
  /** Texts that came back. */
  readonly heard: number;
  /** Ends the conversation in order. Idempotent. */
  stop(): Promise<void>;
}

/** Sends one text at a time and waits for it to come back. */
class Conversation implements Talker {
  readonly failures: string[] = [];
  heard = 0;
  readonly #name: string;
  readonly #loop: Promise<void>;
  #close: () => void;
  #stopping = false;
  #arrived: (text: string) => void = () => {};

  constructor(name: string, send: (text: string) => void, close: () => void) {
    this.#name = name;
    this.#close = close;
    this.#loop = this.#talk(send);
  }

  receive(text: string): void {
    this.#arrived(text);
  }

  broke(why: string): void {
    if (this.#stopping) return;
    this.failures.push(`${this.#name}: ${why}`);
    this.#stopping = true;
    this.#arrived('');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
    this.#close();
    this.#close = () => {};
  }

  async #talk(send: (text: string) => void): Promise<void> {
    for (let message = 0; !this.#stopping; message++) {
      const text = `${this.#name}-${message};`;
      const answer = new Promise<string>((resolve) => {
        let received = '';
        this.#arrived = (part) => {
          received += part;
          if (part === '' || received.endsWith(text)) resolve(received);
        };
      });
      send(text);
      const late = new AbortController();
      const heard = await Promise.race([answer, pause(PATIENCE_MS, 'nothing in time', late)]);
      late.abort();
      if (heard.endsWith(text)) this.heard += 1;
      else this.broke(`"${heard}" in answer to "${text}"`);
      await pause(40);
    }
  }
}

export async function talkOverWebSocket(name: string, url: string): Promise<Talker> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const conversation = new Conversation(
    name,
    (text) => socket.send(text),
    () => socket.terminate(),
  );
  socket.on('message', (data) => conversation.receive(String(data)));
  socket.on('close', () => conversation.broke('the WebSocket was closed'));
  socket.on('error', (error) => conversation.broke(error.message));
  return conversation;
}

export async function talkOverTcp(name: string, port: number): Promise<Talker> {
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const conversation = new Conversation(
    name,
    (text) => socket.write(text),
    () => socket.destroy(),
  );
  socket.on('data', (chunk: Buffer) => conversation.receive(chunk.toString()));
  socket.on('close', () => conversation.broke('the stream was cut'));
  socket.on('error', (error) => conversation.broke(error.message));
  return conversation;
}

export async function talkOverUdp(name: string, port: number): Promise<Talker> {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const conversation = new Conversation(
    name,
    (text) => socket.send(text),
    () => socket.close(),
  );
  socket.on('message', (datagram) => conversation.receive(datagram.toString()));
  socket.on('error', (error) => conversation.broke(error.message));
  return conversation;
}
