/**
 * CPU time of the steps between a head's arrival and its departure: `node bench/micro/head.ts`.
 * Each figure is the best of five runs, in nanoseconds of CPU time (user and system) per call.
 */
import { CidrSet } from '../../src/core/cidr.ts';
import { ChunkedScanner, type ChunkedSink } from '../../src/l7/chunked.ts';
import { ClientForwarding } from '../../src/l7/client-forwarding.ts';
import { buildRequestHead, buildResponseHead, clientFraming } from '../../src/l7/forward-head.ts';
import { RequestHead, ResponseHead } from '../../src/l7/head.ts';
import { parseRequestHead } from '../../src/l7/request-head.ts';
import { parseResponseHead } from '../../src/l7/response-head.ts';
import { Router } from '../../src/l7/router.ts';
import type { PlannedRoute } from '../../src/upstream/plan.ts';
import { plainRoute } from '../../test/support/planned.ts';

const RUNS = 5;
const LIMITS = { maxBytes: 16_384, maxFields: 100 };

let sum = 0;

function measure(name: string, calls: number, step: (i: number) => number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) sum += step(i);
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / calls);
  }
  console.log(`${name.padEnd(58)} ${best.toFixed(0).padStart(7)} ns`);
}

function lines(...text: string[]): Buffer {
  return Buffer.from(`${text.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** Different heads in turn, as on a machine with more than one client. */
function variants(count: number, make: (i: number) => Buffer): Buffer[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const small = variants(16, (i) => lines(`GET /?${i} HTTP/1.1`, 'Host: 127.0.0.1:9080'));
const typical = variants(16, (i) =>
  lines(
    `GET /orders/${1000 + i}?expand=items HTTP/1.1`,
    'Host: api.example.com',
    'User-Agent: curl/8.1.2',
    'Accept: application/json',
    'Accept-Encoding: gzip, br',
    `X-Request-Id: 5f1b7c2e9a${1000 + i}`,
    'Connection: keep-alive',
  ),
);
const browser = variants(16, (i) =>
  lines(
    `GET /shop/articles/${1000 + i}/pictures?size=large&format=webp HTTP/1.1`,
    'Host: www.example.com',
    'Connection: keep-alive',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    'sec-ch-ua-mobile: ?0',
    'sec-ch-ua-platform: "Linux"',
    'Upgrade-Insecure-Requests: 1',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Mode: navigate',
    'Referer: https://www.example.com/shop',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    `Cookie: session=${'a1b2c3d4'.repeat(24)}; theme=dark; visited=${i}`,
  ),
);
const post = variants(16, (i) =>
  lines(
    `POST /orders/${i} HTTP/1.1`,
    'Host: api.example.com',
    'User-Agent: node',
    'Content-Type: application/json',
    'Content-Length: 64',
    'Connection: keep-alive',
    'Accept: */*',
  ),
);
const responses = variants(16, (i) =>
  lines(
    'HTTP/1.1 200 OK',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${100 + i}`,
    'ETag: W/"2f-3XqzlnYFsXkZ6kLbFhQ3zM"',
    'Date: Mon, 23 Nov 2026 03:11:17 GMT',
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
  ),
);

function route(id: number, uri: string): PlannedRoute {
  return {
    ...plainRoute(`r${id}`, 'u'),
    slot: id,
    uris: [uri],
    hosts: id % 2 === 0 ? [] : [`service-${id}.example.com`],
    websocket: false,
  };
}

const forwarding = new ClientForwarding({
  remoteAddress: '127.0.0.1',
  scheme: 'http',
  localPort: 9080,
  trusted: new CidrSet([]),
});
const request = new RequestHead();
const response = new ResponseHead();

function parse(buffers: Buffer[]): (i: number) => number {
  return (i) => {
    const buffer = buffers[i & 15] as Buffer;
    return parseRequestHead(buffer, 0, buffer.length, LIMITS, request);
  };
}

function forward(head: RequestHead): string {
  return buildRequestHead(head, { authority: head.authority, target: head.target, forwarding });
}

/** What a socket does with the text: the parts are joined and copied. */
const wire = Buffer.alloc(65_536);

for (const [name, heads] of Object.entries({ small, typical, browser, post })) {
  const bytes = (heads[0] as Buffer).length;
  measure(`parse request, ${name}, ${bytes} bytes`, 500_000, parse(heads));
  measure(`parse, build and encode request, ${name}`, 500_000, (i) => {
    parse(heads)(i);
    return wire.write(forward(request), 'latin1');
  });
}

const typicalResponse = (i: number): number => {
  const buffer = responses[i & 15] as Buffer;
  return parseResponseHead(buffer, 0, buffer.length, LIMITS, 'GET', response);
};
measure(`parse response, ${(responses[0] as Buffer).length} bytes`, 500_000, typicalResponse);
measure('parse, build and encode response', 500_000, (i) => {
  typicalResponse(i);
  const framing = clientFraming(response, 1);
  return wire.write(buildResponseHead(response, { clientMinor: 1, framing, keepAlive: true, added: '' }), 'latin1');
});

const sink: ChunkedSink = {
  raw(_buffer, start, end) {
    sum += end - start;
  },
  text(text) {
    sum += text.length;
  },
};
const scanner = new ChunkedScanner();
const chunks = Buffer.from(`${'100\r\n'.concat('x'.repeat(256), '\r\n').repeat(4)}0\r\n\r\n`);
measure('follow a chunked body of 4 chunks of 256 bytes', 500_000, () => {
  scanner.reset();
  return scanner.scan(chunks, 0, chunks.length, sink);
});

for (const count of [1, 100, 10_000]) {
  const router = new Router(Array.from({ length: count }, (_, i) => route(i, `/api/v1/service-${i}/*`)));
  const heads = Array.from({ length: 1024 }, (_, i) => {
    const head = new RequestHead();
    const id = (i * 7919) % count;
    const bytes = lines(`GET /api/v1/service-${id}/items/42 HTTP/1.1`, `Host: service-${id}.example.com`);
    parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
    return head;
  });
  measure(`match one of ${count} routes`, 1_000_000, (i) => {
    return router.match(heads[i & 1023] as RequestHead, '127.0.0.1') === null ? 0 : 1;
  });
}
if (sum === 0) throw new Error('nothing was measured');
