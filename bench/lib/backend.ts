import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaries } from './binaries.ts';
import { type Running, start, waitForPort } from './process.ts';

export const NODE_PORTS = [19_001, 19_002, 19_003, 19_004] as const;
export const BULK_BYTES = 200 * 1024 * 1024;

/** One nginx that answers as four nodes: fast enough that the proxy is what is measured. */
export async function startBackend(core: number, directory: string): Promise<Running> {
  const nginx = binaries.nginx();
  if (!nginx) throw new Error('the bench needs nginx as its backend: run bench/install-peers.sh');
  const root = join(directory, 'backend');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, '100k'), Buffer.alloc(100 * 1024, 'x'));
  writeFileSync(join(root, 'bulk'), Buffer.alloc(BULK_BYTES, 'y'));
  const listens = NODE_PORTS.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ');
  const file = join(root, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${root}/nginx.pid; error_log ${root}/error.log error;
events { worker_connections 16384; }
http {
  access_log off; sendfile on; keepalive_requests 1000000000; client_max_body_size 1m; client_body_buffer_size 128k;
  default_type text/plain;
  client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy; fastcgi_temp_path ${root}/fastcgi;
  uwsgi_temp_path ${root}/uwsgi; scgi_temp_path ${root}/scgi;
  server {
    ${listens}
    root ${root};
    location = /small { return 200 "hello from a node, in about sixty bytes of text, no more.\\n"; }
    location = /post { return 200 "taken\\n"; }
  }
}
`,
  );
  const running = start(core, [nginx.path, '-c', file, '-e', join(root, 'error.log')]);
  for (const port of NODE_PORTS) await waitForPort(port, running.output);
  return running;
}
