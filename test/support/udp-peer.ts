import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export interface UdpMessage {
  readonly text: string;
  readonly size: number;
  readonly from: RemoteInfo;
}

/** A raw UDP socket that keeps what it receives. */
export class UdpPeer {
  readonly socket: Socket;
  readonly messages: UdpMessage[] = [];

  protected constructor(host: string) {
    this.socket = createSocket({
      type: isIPv6(host) ? 'udp6' : 'udp4',
      recvBufferSize: 1 << 20,
      sendBufferSize: 1 << 20,
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (message, from) => {
      this.messages.push({ text: message.toString('latin1'), size: message.length, from });
    });
  }

  static async open(host = '127.0.0.1', port = 0): Promise<UdpPeer> {
    const peer = new UdpPeer(host);
    await peer.bind(host, port);
    return peer;
  }

  get port(): number {
    return this.socket.address().port;
  }

  get texts(): readonly string[] {
    return this.messages.map(({ text }) => text);
  }

  /** Ports from which something came, each once. */
  get ports(): readonly number[] {
    return [...new Set(this.messages.map(({ from }) => from.port))];
  }

  send(message: string | Buffer, port: number, host = '127.0.0.1'): void {
    this.socket.send(message, port, host);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  protected bind(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.bind(port, host, resolve);
    });
  }
}

/** A node: sends every datagram back, until told otherwise. */
export class UdpNode extends UdpPeer {
  /** What it answers to a datagram. */
  answer: (message: Buffer, count: number) => readonly (string | Buffer)[] = (message) => [message];

  static override async open(host = '127.0.0.1', port = 0): Promise<UdpNode> {
    const node = new UdpNode(host);
    await node.bind(host, port);
    node.socket.on('message', (message, from) => {
      for (const reply of node.answer(message, node.messages.length)) node.socket.send(reply, from.port, from.address);
    });
    return node;
  }
}

/** A port on which nothing listens, and nothing will for the length of a test. */
export async function deadUdpPort(): Promise<number> {
  const peer = await UdpPeer.open();
  const { port } = peer;
  await peer.close();
  return port;
}
