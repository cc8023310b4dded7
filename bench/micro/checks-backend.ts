/** The nodes of `checks.ts`: one listener a protocol, on every loopback address. Sends its ports by IPC; ends with it. */
import { once } from 'node:events';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { TEST_CERTIFICATE, TEST_KEY } from '../../test/support/test-certificate.ts';

const BODY = '{"status": "UP", "components": {"db": {"status": "UP"}, "disk": {"status": "UP"}}}';
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;
/** `HealthCheckResponse` with status SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
const BACKLOG = 4096;

const tcp = createServer((socket) => socket.on('error', () => {}));
const http = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end(ANSWER));
});
const tls = createTls({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (socket) => socket.on('error', () => {}));
tls.on('tlsClientError', () => {});
const grpc = createHttp2();
grpc.on('sessionError', () => {});
grpc.on('stream', (stream: ServerHttp2Stream) => {
  stream.on('error', () => {});
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(SERVING);
});

const ports: Record<string, number> = {};
for (const [type, server] of Object.entries({ tcp, http, tls, grpc })) {
  server.listen({ port: 0, host: '0.0.0.0', backlog: BACKLOG });
  await once(server, 'listening');
  ports[type] = (server.address() as AddressInfo).port;
}
process.send?.(ports);
process.once('disconnect', () => process.exit());
