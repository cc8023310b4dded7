import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { HttpBackend as Backend, type HttpBackend, plainBackend } from '../support/http-backend.ts';
import { program } from '../support/programs.ts';
import { ServerProcess } from '../support/server-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';
const haproxy = existsSync(STREAM_MODULE) ? program('haproxy') : null;
const nginx = program('nginx');
/** Where the client connects from: nobody else does. */
const CLIENT = '127.0.0.9';

/** The body of a GET, on a connection of its own. */
function get(port: number, localAddress = CLIENT): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', localAddress, agent: false, path: '/' }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk));
      answer.on('end', () => resolve(body.trim()));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

serverSuite(
  'HAProxy and nginx as peers of the PROXY protocol',
  nginx && haproxy,
  'bash test/servers/stream-peers.sh',
  (binary) => {
    const folder = mkdtempSync(join(tmpdir(), 'headgate-peers-'));
    let headgate: HeadgateProcess;
    let node: HttpBackend;
    let servers: ServerProcess[] = [];
    let ports: Record<string, number>;

    before(async () => {
      node = await Backend.start(plainBackend);
      const names = [
        'http',
        'stream',
        'toHaproxy1',
        'toHaproxy2',
        'toNginx1',
        'toNginx2',
        'haproxyIn',
        'nginxIn',
        'h1',
        'h2',
        's1',
        's2',
        'n1',
        'n2',
      ];
      const free = await freePorts(names.length);
      ports = Object.fromEntries(names.map((name, index) => [name, free[index]!]));
      const local = (name: string) => `127.0.0.1:${ports[name]}`;
      writeFileSync(
        join(folder, 'haproxy.cfg'),
        `defaults
  timeout connect 3s
  timeout client 10s
  timeout server 10s
  mode tcp
frontend asked
  mode http
  bind ${local('haproxyIn')} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src]"
${[
  ['h1', 'http', 'send-proxy'],
  ['h2', 'http', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'],
  ['s1', 'stream', 'send-proxy'],
  ['s2', 'stream', 'send-proxy-v2 proxy-v2-options crc32c check-send-proxy'],
]
  .map(([name, to, how]) => `listen ${name}\n  bind ${local(name!)}\n  server headgate ${local(to!)} ${how}`)
  .join('\n')}
`,
      );
      writeFileSync(
        join(folder, 'nginx.conf'),
        `load_module ${STREAM_MODULE}; daemon off; pid ${folder}/pid; error_log stderr error; events {}
stream {
  server { listen ${local('n1')}; proxy_pass ${local('http')}; proxy_protocol on; }
  server { listen ${local('n2')}; proxy_pass ${local('stream')}; proxy_protocol on; }
}
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen ${local('nginxIn')} proxy_protocol; set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;
    location / { return 200 $remote_addr; } }
}
`,
      );
      const out = (name: string, to: string, proxy_protocol: 1 | 2) => ({
        id: name,
        server_port: ports[name]!,
        upstream: { nodes: { [local(to)]: 1 }, proxy_protocol },
      });
      headgate = await HeadgateProcess.start({
        listen: [{ address: local('http'), proxy_protocol: true }],
        stream_listen: [
          { address: local('stream'), proxy_protocol: true, trusted_addresses: ['127.0.0.1/32'] },
          ...['toHaproxy1', 'toHaproxy2', 'toNginx1', 'toNginx2'].map((name) => ({ address: local(name) })),
        ],
        trusted_addresses: ['127.0.0.1'],
        admin: { address: '127.0.0.1:0' },
        workers: 2,
        shutdown: { delay: 0, drain: 2 },
        routes: [{ id: 'all', uri: '/*', upstream: { nodes: { [`127.0.0.1:${node.address.port}`]: 1 } } }],
        stream_routes: [
          // Only the client that a PROXY header names may pass: so what comes through shows who was named.
          {
            id: 'in',
            server_port: ports.stream,
            remote_addr: CLIENT,
            upstream: { nodes: { [`127.0.0.1:${node.address.port}`]: 1 } },
          },
          out('toHaproxy1', 'haproxyIn', 1),
          out('toHaproxy2', 'haproxyIn', 2),
          out('toNginx1', 'nginxIn', 1),
          out('toNginx2', 'nginxIn', 2),
        ],
      });
      servers = [
        new ServerProcess('HAProxy', binary, ['-db', '-f', join(folder, 'haproxy.cfg')]),
        new ServerProcess('nginx', nginx!, ['-c', join(folder, 'nginx.conf'), '-e', 'stderr']),
      ];
      await servers[0]!.start(async () => (await get(ports.h1!)) !== '');
      await servers[1]!.start(async () => (await get(ports.n1!)) !== '');
    });

    after(async () => {
      for (const server of servers) await server.end('SIGTERM');
      await headgate?.stop();
      await node?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const name of ['h1', 'h2', 'n1']) {
      it(`HTTP: the client that ${name} names is the client of the request`, async () => {
        node.requests.length = 0;
        await get(ports[name]!);
        assert.match(node.requests[0]!.head, /\r\nX-Forwarded-For: 127\.0\.0\.9\r\n/);
        assert.match(node.requests[0]!.head, new RegExp(`\r\nX-Forwarded-Port: ${ports[name]}\r\n`));
      });
    }

    for (const name of ['s1', 's2', 'n2']) {
      it(`streams: the client that ${name} names is the one that the route is for`, async () => {
        assert.notEqual(await get(ports[name]!), '');
        await assert.rejects(get(ports[name]!, '127.0.0.8'));
      });
    }

    for (const name of ['toHaproxy1', 'toHaproxy2', 'toNginx1', 'toNginx2']) {
      it(`${name}: the peer is told who the client is`, async () => {
        assert.equal(await get(ports[name]!), CLIENT);
        assert.equal(await get(ports[name]!, '127.0.0.7'), '127.0.0.7');
      });
    }
  },
);
