import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { relayable } from '../../test/support/idle-clients.ts';
import { NODE_PORTS } from './backend.ts';
import { type Binary, binaries, NGINX_STREAM_MODULE } from './binaries.ts';
import { UDP_NODES } from './udp.ts';

/** A proxy under measurement: one worker, access log off, keep-alive to the nodes, the same four nodes. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly command: readonly string[];
  /** The same with all its descriptors for the TCP side. */
  readonly tcpCommand: readonly string[];
  readonly httpPort: number;
  /** Null when it has no TCP proxy. */
  readonly tcpPort: number | null;
  /** Null when it has no UDP proxy. */
  readonly udp: UdpPorts | null;
}

interface UdpPorts {
  /** Sessions end by silence. */
  readonly sessions: number;
  /** Sessions end with their first reply; null when that can't be had. */
  readonly single: number | null;
}

interface Ports {
  readonly http: number;
  readonly tcp: number;
  readonly udp: number;
  readonly udpSingle: number;
}

interface Made extends Pick<Peer, 'command' | 'udp'> {
  readonly tcp: boolean;
  /** Where it differs from `command`. */
  readonly tcpCommand?: readonly string[];
}

type Maker = (binary: Binary, folder: string, ports: Ports) => Made;

function bothUdp(ports: Ports): UdpPorts {
  return { sessions: ports.udp, single: ports.udpSingle };
}

const nginx: Maker = ({ path }, folder, ports) => {
  const tcp = existsSync(NGINX_STREAM_MODULE);
  const servers = NODE_PORTS.map((port) => `server 127.0.0.1:${port};`).join(' ');
  const udpServers = UDP_NODES.map((node) => `server ${node};`).join(' ');
  const stream = `stream {
  upstream nodes { ${servers} }
  upstream names { ${udpServers} }
  server { listen 127.0.0.1:${ports.tcp} backlog=4096; proxy_pass nodes; }
  server { listen 127.0.0.1:${ports.udp} udp; proxy_pass names; proxy_timeout 30s; }
  server { listen 127.0.0.1:${ports.udpSingle} udp; proxy_pass names; proxy_timeout 30s; proxy_responses 1; }
}`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `${tcp ? `load_module ${NGINX_STREAM_MODULE};` : ''} daemon off; worker_processes 1; pid ${folder}/pid;
error_log ${folder}/error.log error; events { worker_connections 32768; }
${tcp ? stream : ''}
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream nodes { ${servers} keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${ports.http} backlog=4096;
    location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }
}
`,
  );
  return { command: [path, '-c', file, '-e', join(folder, 'error.log')], tcp, udp: tcp ? bothUdp(ports) : null };
};

const haproxy: Maker = ({ path }, folder, ports) => {
  const servers = NODE_PORTS.map((port, index) => `  server n${index} 127.0.0.1:${port}`).join('\n');
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn ${relayable(12_000)}
defaults
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend http
  mode http
  bind 127.0.0.1:${ports.http}
  option forwardfor
  default_backend http
backend http
  mode http
  http-reuse always
${servers}
frontend tcp
  mode tcp
  bind 127.0.0.1:${ports.tcp}
  default_backend tcp
backend tcp
  mode tcp
${servers}
`,
  );
  return { command: [path, '-db', '-f', file], tcp: true, udp: null };
};

const envoy: Maker = ({ path }, folder, ports) => {
  const endpoints = NODE_PORTS.map((port) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  }));
  const cluster = {
    name: 'nodes',
    type: 'STATIC',
    connect_timeout: '3s',
    circuit_breakers: { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000 }] },
    load_assignment: { cluster_name: 'nodes', endpoints: [{ lb_endpoints: endpoints }] },
  };
  const listener = (port: number, name: string, config: Record<string, unknown>) => ({
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: `envoy.filters.network.${name}`, typed_config: config }] }],
  });
  const api = 'type.googleapis.com/envoy.extensions.filters';
  const http = listener(ports.http, 'http_connection_manager', {
    '@type': `${api}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'http',
    generate_request_id: false,
    use_remote_address: true,
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${api}.http.router.v3.Router` } }],
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'nodes' } }] },
      ],
    },
  });
  const tcp = listener(ports.tcp, 'tcp_proxy', {
    '@type': `${api}.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'tcp',
    cluster: 'nodes',
  });
  const names = UDP_NODES.map((node) => {
    const [address, port] = node.split(':');
    return { endpoint: { address: { socket_address: { address, port_value: Number(port) } } } };
  });
  const nameCluster = {
    ...cluster,
    name: 'names',
    load_assignment: { cluster_name: 'names', endpoints: [{ lb_endpoints: names }] },
  };
  const udpProxy = {
    '@type': `${api}.udp.udp_proxy.v3.UdpProxyConfig`,
    stat_prefix: 'udp',
    idle_timeout: '30s',
    upstream_socket_config: { prefer_gro: false },
    matcher: {
      on_no_match: {
        action: {
          name: 'route',
          typed_config: { '@type': `${api}.udp.udp_proxy.v3.Route`, cluster: 'names' },
        },
      },
    },
  };
  const udp = {
    name: 'udp',
    address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: ports.udp } },
    udp_listener_config: { downstream_socket_config: { prefer_gro: false } },
    listener_filters: [{ name: 'envoy.filters.udp_listener.udp_proxy', typed_config: udpProxy }],
  };
  const file = join(folder, 'envoy.json');
  const resources = { listeners: [http, tcp, udp], clusters: [cluster, nameCluster] };
  writeFileSync(file, JSON.stringify({ static_resources: resources }));
  return {
    command: [path, '-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
    tcp: true,
    udp: { sessions: ports.udp, single: null },
  };
};

const traefik: Maker = ({ path }, folder, ports) => {
  const dynamic = join(folder, 'dynamic.yaml');
  const urls = NODE_PORTS.map((port) => `          - url: "http://127.0.0.1:${port}"`).join('\n');
  const addresses = NODE_PORTS.map((port) => `          - address: "127.0.0.1:${port}"`).join('\n');
  writeFileSync(
    dynamic,
    `http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: nodes, entryPoints: [http] } }
  services:
    nodes:
      loadBalancer:
        servers:
${urls}
tcp:
  routers: { all: { rule: "HostSNI(\`*\`)", service: nodes, entryPoints: [tcp] } }
  services:
    nodes:
      loadBalancer:
        servers:
${addresses}
udp:
  routers: { all: { service: names, entryPoints: [udp] } }
  services:
    names:
      loadBalancer:
        servers:
${UDP_NODES.map((node) => `          - address: "${node}"`).join('\n')}
`,
  );
  const file = join(folder, 'traefik.yaml');
  writeFileSync(
    file,
    `entryPoints: { http: { address: "127.0.0.1:${ports.http}" }, tcp: { address: "127.0.0.1:${ports.tcp}" }, udp: { address: "127.0.0.1:${ports.udp}/udp" } }
providers: { file: { filename: ${dynamic} } }
log: { level: ERROR }
global: { checkNewVersion: false, sendAnonymousUsage: false }
`,
  );
  return {
    command: ['env', 'GOMAXPROCS=1', path, `--configFile=${file}`],
    tcp: true,
    udp: { sessions: ports.udp, single: null },
  };
};

const caddy: Maker = ({ path }, folder, ports) => {
  const file = join(folder, 'Caddyfile');
  const nodes = NODE_PORTS.map((port) => `127.0.0.1:${port}`).join(' ');
  writeFileSync(
    file,
    `{
  admin off
  auto_https off
  persist_config off
}
http://127.0.0.1:${ports.http} {
  reverse_proxy ${nodes} {
    lb_policy round_robin
  }
}
`,
  );
  return { command: ['env', 'GOMAXPROCS=1', `HOME=${folder}`, path, 'run', '--config', file], tcp: false, udp: null };
};

/** It shares its descriptors out evenly among its listeners. */
const headgate: Maker = (_binary, folder, ports) => {
  const nodes = NODE_PORTS.map((port) => `"127.0.0.1:${port}": 1`).join(', ');
  const names = UDP_NODES.map((node) => `"${node}": 1`).join(', ');
  const shared = `admin: { address: "127.0.0.1:${ports.http + 500}" }
workers: 1
state_dir: ${folder}
log: { level: warn }
upstreams: [{ id: nodes, nodes: { ${nodes} }, keepalive_pool: { requests: 1000000000 } }, { id: names, nodes: { ${names} } }]
routes: [{ id: all, uri: "/*", upstream_id: nodes }]
stream_routes: [{ id: tcp, protocol: tcp, upstream_id: nodes }, { id: udp, protocol: udp, upstream_id: names }]
`;
  const command = (name: string, listeners: string) => {
    const file = join(folder, name);
    writeFileSync(file, listeners + shared);
    return [process.execPath, join(import.meta.dirname, '../../src/cli/main.ts'), 'run', '-c', file];
  };
  const tcp = `  - { address: "127.0.0.1:${ports.tcp}" }\n`;
  const all = `listen: ["127.0.0.1:${ports.http}"]
stream_listen:
${tcp}  - { address: "127.0.0.1:${ports.udp}", protocol: udp }
  - { address: "127.0.0.1:${ports.udpSingle}", protocol: udp, udp: { responses: 1 } }
`;
  return {
    command: command('headgate.yaml', all),
    tcpCommand: command('tcp.yaml', `listen: []\nstream_listen:\n${tcp}`),
    tcp: true,
    udp: bothUdp(ports),
  };
};

const own: Binary = { path: process.execPath, version: process.version };

const MAKERS: readonly { readonly name: string; readonly binary: () => Binary | null; readonly make: Maker }[] = [
  { name: 'headgate', binary: () => own, make: headgate },
  { name: 'nginx', binary: binaries.nginx, make: nginx },
  { name: 'haproxy', binary: binaries.haproxy, make: haproxy },
  { name: 'haproxy-new', binary: binaries['haproxy-new'], make: haproxy },
  { name: 'envoy', binary: binaries.envoy, make: envoy },
  { name: 'traefik', binary: binaries.traefik, make: traefik },
  { name: 'caddy', binary: binaries.caddy, make: caddy },
];

/** The proxies that are installed, those named in `only` if it is not empty; and what is missing. */
export function preparePeers(directory: string, only: readonly string[]): { peers: Peer[]; missing: string[] } {
  const peers: Peer[] = [];
  const missing: string[] = [];
  MAKERS.forEach(({ name, binary, make }, index) => {
    if (only.length > 0 && !only.includes(name)) return;
    const found = binary();
    if (!found) {
      missing.push(name);
      return;
    }
    const folder = join(directory, name);
    mkdirSync(folder, { recursive: true });
    const ports = { http: 19_100 + index, tcp: 19_200 + index, udp: 19_300 + index, udpSingle: 19_400 + index };
    const { command, tcpCommand = command, tcp, udp } = make(found, folder, ports);
    const tcpPort = tcp ? ports.tcp : null;
    peers.push({ name, version: found.version, command, tcpCommand, httpPort: ports.http, tcpPort, udp });
  });
  return { peers, missing };
}
