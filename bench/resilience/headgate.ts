import { join } from 'node:path';
import { adminPort, fileIn, type Place, type RowMaker, registryPort } from './row.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const PASSIVE = { failure_ratio: {}, success_rate: {} };

function run(path: string, place: Place, document: object): readonly string[] {
  const file = fileIn(
    place,
    'headgate.yaml',
    JSON.stringify({
      listen: [`127.0.0.1:${place.port}`],
      admin: { address: `127.0.0.1:${adminPort(place.port)}` },
      workers: 1,
      state_dir: place.folder,
      log: { level: 'warn' },
      ...document,
    }),
  );
  return [path, MAIN, 'run', '-c', file];
}

/** Fixed nodes and passive checks; no active ones. */
function fixed(type: string, passive: object, settings: object = {}): RowMaker['make'] {
  return (path, place) => {
    const nodes = Object.fromEntries(place.nodes.map((port) => [`127.0.0.1:${port}`, 1]));
    const upstream = { id: 'nodes', type, nodes, checks: { passive }, ...settings };
    return run(path, place, { upstreams: [upstream], routes: [{ id: 'all', uri: '/*', upstream_id: 'nodes' }] });
  };
}

const HOW = '`checks.passive: {failure_ratio: {}, success_rate: {}}`, all else at its default; no active checks';

/** Some balancers stand for all in the restart, where nodes are equal. */
const RESTARTED = new Set(['roundrobin', 'ewma']);

function balancer(type: string, settings: object = {}, more = ''): RowMaker {
  return {
    experiments: RESTARTED.has(type) ? ['faults', 'restart'] : ['faults'],
    name: `headgate ${type}`,
    program: 'headgate',
    how: `\`type: ${type}\`${more}; ${HOW}`,
    make: fixed(type, PASSIVE, settings),
  };
}

export const headgateRows: readonly RowMaker[] = [
  balancer('roundrobin'),
  balancer('least_conn'),
  balancer('random'),
  balancer('ewma'),
  balancer('chash', { hash_on: 'vars', key: 'uri' }, ', `key: uri`'),
  {
    name: 'headgate ewma, eager',
    experiments: ['faults'],
    program: 'headgate',
    how: '`type: ewma`, `checks.passive.unhealthy.http_failures: 1`: one 500 is enough, as for Traefik’s default and nginx with `http_500`',
    make: fixed('ewma', { ...PASSIVE, unhealthy: { http_failures: 1 } }),
  },
  {
    name: 'headgate ewma, retry_statuses',
    experiments: ['faults'],
    program: 'headgate',
    how: '`type: ewma` as above, and `retry_statuses: [500]`: a GET that is answered so is sent once more, to another node',
    make: fixed('ewma', PASSIVE, { retry_statuses: [500] }),
  },
  {
    name: 'headgate registry',
    experiments: ['restart'],
    program: 'headgate',
    how: '`type: ewma`; the nodes announce themselves to the embedded registry',
    registry: true,
    make: (path, place) =>
      run(path, place, {
        registry: { address: `127.0.0.1:${registryPort(place.port)}` },
        routes: [
          {
            id: 'all',
            uri: '/*',
            upstream: { type: 'ewma', service_name: 'nodes', discovery_type: 'consul', checks: { passive: PASSIVE } },
          },
        ],
      }),
  },
];
