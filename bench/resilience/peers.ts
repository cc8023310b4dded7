import { fileIn, type Place, type RowMaker } from './row.ts';

/** `least_conn` with what nginx does by itself; `next` are the further cases that send a request on to the next node. */
function nginx(next: string): RowMaker['make'] {
  return (path, place) => {
    const { folder } = place;
    const servers = place.nodes.map((port) => `server 127.0.0.1:${port};`).join(' ');
    const file = fileIn(
      place,
      'nginx.conf',
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream nodes { least_conn; ${servers} keepalive 64; }
  server { listen 127.0.0.1:${place.port} backlog=4096;
    location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream error timeout${next}; } }
}
`,
    );
    return [path, '-c', file, '-e', `${folder}/error.log`];
  };
}

function haproxy(path: string, place: Place): readonly string[] {
  const servers = place.nodes.map((port, index) => `  server n${index + 1} 127.0.0.1:${port}`).join('\n');
  const file = fileIn(
    place,
    'haproxy.cfg',
    `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend all
  bind 127.0.0.1:${place.port}
  default_backend nodes
backend nodes
  balance leastconn
  http-reuse always
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
  option httpchk GET /health
  default-server check inter 1s fall 2 rise 2 observe layer7 error-limit 5 on-error mark-down
${servers}
`,
  );
  return [path, '-db', '-f', file];
}

const ENVOY_API = 'type.googleapis.com/envoy.extensions';

function envoy(path: string, place: Place): readonly string[] {
  const endpoints = place.nodes.map((port) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  }));
  const cluster = {
    name: 'nodes',
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    connect_timeout: '3s',
    load_assignment: { cluster_name: 'nodes', endpoints: [{ lb_endpoints: endpoints }] },
    outlier_detection: { max_ejection_percent: 30 },
    circuit_breakers: { thresholds: [{ max_retries: 1000 }] },
  };
  const retry = {
    retry_on: 'connect-failure,refused-stream,reset',
    num_retries: 3,
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: { '@type': `${ENVOY_API}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
      },
    ],
    host_selection_retry_max_attempts: 5,
  };
  const route = { match: { prefix: '/' }, route: { cluster: 'nodes', retry_policy: retry } };
  const http = {
    '@type': `${ENVOY_API}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'http',
    generate_request_id: false,
    use_remote_address: true,
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${ENVOY_API}.filters.http.router.v3.Router` },
      },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
  };
  const listener = {
    name: 'http',
    address: { socket_address: { address: '127.0.0.1', port_value: place.port } },
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: http }] }],
  };
  const file = fileIn(
    place,
    'envoy.json',
    JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }),
  );
  return [path, '-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
}

function traefik(strategy: string): RowMaker['make'] {
  return (path, place) => {
    const dynamic = {
      http: {
        routers: {
          all: { rule: 'PathPrefix(`/`)', service: 'nodes', entryPoints: ['http'], middlewares: ['again'] },
        },
        middlewares: { again: { retry: { attempts: 4, initialInterval: '1ms' } } },
        services: {
          nodes: {
            loadBalancer: {
              strategy,
              servers: place.nodes.map((port) => ({ url: `http://127.0.0.1:${port}` })),
              healthCheck: { path: '/health', interval: '1s', unhealthyInterval: '1s', timeout: '1s' },
              passiveHealthCheck: { failureWindow: '10s', maxFailedAttempts: 1 },
            },
          },
        },
      },
    };
    const file = fileIn(
      place,
      'traefik.yaml',
      JSON.stringify({
        entryPoints: { http: { address: `127.0.0.1:${place.port}` } },
        providers: { file: { filename: fileIn(place, 'dynamic.yaml', JSON.stringify(dynamic)) } },
        log: { level: 'FATAL' },
        global: { checkNewVersion: false, sendAnonymousUsage: false },
      }),
    );
    return ['env', 'GOMAXPROCS=1', path, `--configFile=${file}`];
  };
}

const TRAEFIK_HOW =
  '`healthCheck` of `/health` every second; `passiveHealthCheck` at its defaults (1 failure in 10 s); `retry` with 4 attempts';

export const peerRows: readonly RowMaker[] = [
  {
    name: 'nginx',
    experiments: ['faults', 'restart'],
    program: 'nginx',
    how: '`least_conn`; `max_fails=1 fail_timeout=10s` and `proxy_next_upstream error timeout`, its defaults; it has no active checks',
    make: nginx(''),
  },
  {
    name: 'nginx, http_500',
    experiments: ['faults'],
    program: 'nginx',
    how: 'the same with `proxy_next_upstream error timeout http_500`: a 500 counts as a failure and the request is sent again',
    make: nginx(' http_500'),
  },
  {
    name: 'haproxy',
    experiments: ['faults', 'restart'],
    program: 'haproxy-new',
    how: '`leastconn`; `option httpchk` of `/health` every second, `fall 2 rise 2`, `observe layer7 error-limit 5 on-error mark-down`; `retry-on conn-failure empty-response`, `option redispatch 1`',
    make: haproxy,
  },
  {
    name: 'envoy',
    experiments: ['faults', 'restart'],
    program: 'envoy',
    how: '`LEAST_REQUEST`; `outlier_detection` at its defaults but `max_ejection_percent: 30`, as Headgate’s; `retry_on: connect-failure,refused-stream,reset`, 3 retries on other hosts, `max_retries` of the circuit breaker 1000 (the default of 3 under way at once fails hundreds); no health check, since its successes would undo what outlier detection found',
    make: envoy,
  },
  {
    name: 'traefik p2c',
    program: 'traefik',
    how: `\`strategy: p2c\`; ${TRAEFIK_HOW}`,
    experiments: ['faults', 'restart'],
    make: traefik('p2c'),
  },
  {
    name: 'traefik leasttime',
    program: 'traefik',
    how: `\`strategy: leasttime\`; ${TRAEFIK_HOW}`,
    experiments: ['faults'],
    make: traefik('leasttime'),
  },
];
