// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

/** What `headgate check` prints for a text, line by line. */
function printed(text: string, environment: Record<string, string> = {}): string[] {
  const result = loadText(text, 'c.yaml', environment);
  if (!result.ok) return result.problems.map((problem) => formatProblem(problem));
  return result.warnings.map((warning) => formatProblem(warning, 'warning'));
}

const UP = 'upstream: {nodes: {"a:80": 1}}';

/** Name, text, what is printed. */
const CASES: readonly (readonly [string, string, ...string[]])[] = [
  // Shape
  ['unknown key at the top', 'lisen: []', 'c.yaml:1:1: lisen: unknown key (did you mean "listen"?)'],
  [
    'unknown key in a resource',
    `routes:\n  - id: 1\n    urii: /a\n    uri: /a\n    ${UP}`,
    'c.yaml:3:5: routes[0].urii: unknown key (did you mean "uri"?)',
  ],
  [
    'unknown key in camel case',
    `routes: [{id: 1, uri: /, ${UP}, enableWebsocket: true}]`,
    'c.yaml:1:58: routes[0].enableWebsocket: unknown key (did you mean "enable_websocket"?)',
  ],
  [
    'unknown key near nothing',
    'admin: {colour: red}',
    'c.yaml:1:9: admin.colour: unknown key (known here: address, key)',
  ],
  [
    'unknown key that every object has',
    'admin: {toString: x}',
    'c.yaml:1:9: admin.toString: unknown key (known here: address, key)',
  ],
  [
    'unknown key that needs quotes',
    'admin: {"a b": 1}',
    'c.yaml:1:9: admin["a b"]: unknown key (known here: address, key)',
  ],
  [
    'keys that are only misspelt, not missing',
    'routes:\n  - id: 1\n    uir: /a\n    upstreem: {nodes: {}}',
    'c.yaml:3:5: routes[0].uir: unknown key (did you mean "uri"?)',
    'c.yaml:4:5: routes[0].upstreem: unknown key (did you mean "upstream"?)',
  ],
  ['missing key', `routes:\n  - uri: /\n    ${UP}`, 'c.yaml:2:5: routes[0].id: is missing'],
  [
    'missing key in a node',
    'upstreams: [{id: 1, nodes: [{host: a}]}]',
    'c.yaml:1:29: upstreams[0].nodes[0].port: is missing',
  ],
  ['a text for the document', 'hello', 'c.yaml:1:1: must be a map, is "hello"'],
  ['a list for the document', '[1]', 'c.yaml:1:1: must be a map, is a list'],
  ['empty block', 'listen: []\nadmin:\n', 'c.yaml:2:1: admin: must be a map, is empty (write {} to take the defaults)'],
  ['empty value', 'state_dir:', 'c.yaml:1:1: state_dir: must be text, is empty (give it a value or remove the key)'],
  ['number for text', 'state_dir: 5', 'c.yaml:1:12: state_dir: must be text, is the number 5 (put it in quotes)'],
  [
    'text for list',
    'trusted_addresses: ::1',
    'c.yaml:1:20: trusted_addresses: must be a list, is "::1" (write a list: [a, b])',
  ],
  ['map for list', 'routes: {a: 1}', 'c.yaml:1:9: routes: must be a list, is a map'],
  ['map for a list that rules read', 'listen: {a: 1}', 'c.yaml:1:9: listen: must be a list, is a map'],
  [
    'text for number',
    'http: {max_fields: "50"}',
    'c.yaml:1:20: http.max_fields: must be a whole number, is "50" (remove the quotes)',
  ],
  [
    'fraction for whole number',
    'http: {max_fields: 9.5}',
    'c.yaml:1:20: http.max_fields: must be a whole number, is the number 9.5',
  ],
  ['not a number', 'shutdown: {delay: .nan}', 'c.yaml:1:19: shutdown.delay: must be a number, is the number NaN'],
  ['endless', 'shutdown: {delay: .inf}', 'c.yaml:1:19: shutdown.delay: must be a number, is the number Infinity'],
  [
    'YAML 1.1 boolean',
    'discovery: {consul: {stale: yes}}',
    'c.yaml:1:29: discovery.consul.stale: must be true or false, is "yes" (write true or false, without quotes)',
  ],
  ['below the least', 'http: {max_fields: 1}', 'c.yaml:1:20: http.max_fields: must be at least 8, is 1'],
  ['above the most', 'shutdown: {drain: 9e9}', 'c.yaml:1:19: shutdown.drain: must be at most 2000000, is 9000000000'],
  ['not above zero', 'http: {head_timeout: 0}', 'c.yaml:1:22: http.head_timeout: must be above 0, is 0'],
  ['empty text', 'state_dir: ""', 'c.yaml:1:12: state_dir: must not be empty'],
  ['empty list', 'discovery: {consul: {servers: []}}', 'c.yaml:1:31: discovery.consul.servers: must not be empty'],
  [
    'same entry twice',
    'trusted_addresses: ["::1", "::1"]',
    'c.yaml:1:20: trusted_addresses: must not hold the same entry twice',
  ],
  [
    'too long',
    `upstreams: [{id: ${'x'.repeat(65)}, nodes: {}}]`,
    'c.yaml:1:18: upstreams[0].id: must have at most 64 characters',
  ],
  [
    'not one of the words',
    'log: {level: trace}',
    'c.yaml:1:14: log.level: must be "debug", "info", "warn" or "error", is "trace"',
  ],
  [
    'nearly one of the words',
    'log: {level: DEBUG}',
    'c.yaml:1:14: log.level: must be "debug", "info", "warn" or "error", is "DEBUG" (did you mean "debug"?)',
  ],
  [
    'union of word and number',
    'workers: many',
    'c.yaml:1:10: workers: must be "auto" or a whole number from 1 to 256, is "many"',
  ],
  [
    'union, out of range',
    'workers: 0',
    'c.yaml:1:10: workers: must be "auto" or a whole number from 1 to 256, is the number 0',
  ],
  [
    'union of map and list',
    'upstreams: [{id: 1, nodes: "a:80"}]',
    'c.yaml:1:28: upstreams[0].nodes: must be a map from "host:port" to weight or a list of nodes, is "a:80"',
  ],
  [
    'inside the map of a union',
    'upstreams:\n  - id: 1\n    nodes:\n      "a:80": heavy',
    'c.yaml:4:15: upstreams[0].nodes["a:80"]: must be a whole number, is "heavy"',
  ],
  [
    'union of text and object',
    'listen: [80]',
    'c.yaml:1:10: listen[0]: must be "host:port" or an object with `address`, is the number 80',
  ],
  [
    'wrong id',
    'upstreams: [{id: a b, nodes: {}}]',
    'c.yaml:1:18: upstreams[0].id: must be letters, digits, "-", "_" and ".", is "a b"',
  ],
  [
    'a secret is not shown',
    'discovery: {consul: {token: 12345}}',
    'c.yaml:1:29: discovery.consul.token: must be text, is something else (put it in quotes)',
  ],
  [
    'header that would split',
    'upstreams: [{id: 1, nodes: {}, checks: {active: {req_headers: ["a: b\\r\\nc: d"]}}}]',
    'c.yaml:1:64: upstreams[0].checks.active.req_headers[0]: must be a header line "Name: value", is "a: b\\r\\nc: d"',
  ],
  [
    'check path that would split',
    'upstreams: [{id: 1, nodes: {}, checks: {active: {http_path: "/ HTTP/1.1"}}}]',
    'c.yaml:1:61: upstreams[0].checks.active.http_path: must be a path that starts with "/", is "/ HTTP/1.1"',
  ],
  // Text
  [
    'broken YAML',
    'a: [1',
    'c.yaml:1:6: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['two documents', 'listen: []\n---\nlisten: []', 'c.yaml:2:1: there must be one document in a file'],
  ['unknown tag', 'workers: !x 3', 'c.yaml:1:10: not valid YAML: Unresolved tag: !x'],
  ['tag beyond the core', 'listen: !!set {a}', 'c.yaml:1:15: listen: the tag "tag:yaml.org,2002:set" is not allowed'],
  ['key twice', 'workers: 1\nworkers: 2', 'c.yaml:2:1: workers: this key is written twice (keep one of them)'],
  ['key that is a list', '? [a]\n: 1', 'c.yaml:1:3: a key must be a single text'],
  ['merge key', 'admin: {<<: {}}', 'c.yaml:1:9: admin["<<"]: merge keys are not supported (write the settings out)'],
  ['forbidden key', 'admin:\n  __proto__: {}', 'c.yaml:2:3: admin.__proto__: this key is not allowed'],
  ['alias without anchor', 'admin: *x', 'c.yaml:1:8: admin: there is no anchor "x" before this alias'],
  [
    'variable that is not set',
    'state_dir: x\nadmin:\n  address: "${HOST}:1"',
    'c.yaml:3:12: admin.address: the environment variable HOST is not set (set it, or write ${HOST:-default})',
  ],
  [
    'not a variable',
    'state_dir: ${1}',
    'c.yaml:1:12: state_dir: "${" does not begin a variable (write ${NAME}, or $${ for a literal "${")',
  ],
  [
    'variable without quotes in a list',
    'listen: [${A}]',
    'c.yaml:1:11: not valid YAML: Missing , or : between flow sequence items (inside [ ] and { } put a value with a variable in quotes)',
  ],
  // Meaning
  [
    'same id, once as number',
    `upstreams:\n  - {id: 1, nodes: {}}\n  - {id: "1", nodes: {}}`,
    'c.yaml:3:10: upstreams[1].id: the id "1" is already that of upstreams[0]',
  ],
  [
    'unknown upstream',
    'routes: [{id: 1, uri: /, upstream_id: shpo}]\nupstreams: [{id: shop, nodes: {}}]',
    'c.yaml:1:39: routes[0].upstream_id: there is no upstream with the id "shpo" (did you mean "shop"?)',
  ],
  [
    'unknown upstream near nothing',
    'services: [{id: 1, upstream_id: shop}]',
    'c.yaml:1:33: services[0].upstream_id: there is no upstream with the id "shop" (add it to upstreams)',
  ],
  [
    'a PROXY header that nobody may send',
    'stream_listen: [{address: "127.0.0.1:1", proxy_protocol: true}]',
    'c.yaml:1:58: stream_listen[0].proxy_protocol: nobody could connect: no proxy is trusted (add trusted_addresses here or in general)',
  ],
  [
    'trust without a PROXY header',
    'listen: [{address: "127.0.0.1:1", trusted_addresses: [10.0.0.0/8]}]',
    'c.yaml:1:54: listen[0].trusted_addresses: has no effect without proxy_protocol (add proxy_protocol: true)',
  ],
  [
    'a trusted address that is none',
    'listen: [{address: "127.0.0.1:1", proxy_protocol: true, trusted_addresses: [proxy]}]',
    'c.yaml:1:77: listen[0].trusted_addresses[0]: "proxy" is not an IP address or a CIDR range (write "192.0.2.7" or "10.0.0.0/8")',
  ],
  [
    'a certificate without its key',
    'stream_listen: [{address: "127.0.0.1:1", tls: {cert: a.pem}}]',
    'c.yaml:1:54: stream_listen[0].tls.cert: needs key (add key)',
  ],
  [
    'a certificate for no name',
    'ssls: [{id: 1, cert: a.pem, key: b.pem}]',
    'c.yaml:1:8: ssls[0]: is for no server name (add sni or snis)',
  ],
  [
    'a server name that is none',
    `stream_routes: [{id: 1, sni: "a b", ${UP}}]`,
    'c.yaml:1:30: stream_routes[0].sni: "a b" is not a host name (write "api.example.com" or "*.example.com")',
  ],
  [
    'a PROXY header for HTTP nodes',
    'routes: [{id: a, uri: /, upstream: {nodes: {}, proxy_protocol: 1}}]',
    'c.yaml:1:64: routes[0].upstream.proxy_protocol: is for stream routes only: HTTP requests of many clients share a connection (the route "a" sends HTTP requests to it)',
  ],
  [
    'an upstream for streams behind the service of a route',
    '{routes: [{id: a, uri: /, service_id: s}, {id: b, uri: /, service_id: s}], services: [{id: s, upstream_id: u}], upstreams: [{id: u, nodes: {}, scheme: tls}]}',
    'c.yaml:1:152: upstreams[0].scheme: "tls" is for stream routes only (the route "a" sends HTTP requests to it)',
  ],
  [
    'an entrance for connections on a UDP listener',
    'stream_listen: [{address: "a:53", protocol: udp, max_connections_per_source: 5, tls: true}]',
    'c.yaml:1:78: stream_listen[0].max_connections_per_source: belongs to a TCP listener (use udp.max_sessions_per_source)',
    'c.yaml:1:86: stream_listen[0].tls: belongs to a TCP listener (leave it out)',
  ],
  [
    'a server name in UDP',
    `stream_listen: [{address: "a:53", protocol: udp}]\nstream_routes: [{id: 1, protocol: udp, sni: a.example, ${UP}}]`,
    'c.yaml:2:45: stream_routes[0].sni: does not exist in UDP (leave it out)',
  ],
  [
    'datagrams to nodes that speak TLS',
    '{stream_listen: [{address: "a:53", protocol: udp}], stream_routes: [{id: a, protocol: udp, upstream_id: u}], upstreams: [{id: u, nodes: {}, scheme: tls}]}',
    'c.yaml:1:149: upstreams[0].scheme: "tls" is for TCP only (the route "a" sends datagrams to it)',
  ],
  [
    'a route for TCP and UDP whose nodes speak TLS',
    '{stream_listen: [{address: "a:53", protocol: udp}, {address: "a:53"}], stream_routes: [{id: a, server_port: 53, upstream: {nodes: {}, scheme: tls}}]}',
    'c.yaml:1:88: stream_routes[0]: would send datagrams of a UDP listener in the clear, although its upstream has scheme: tls (add protocol: tcp)',
  ],
  [
    'a route for TCP and UDP whose nodes want a PROXY header',
    '{stream_listen: [{address: "a:0", protocol: udp}], stream_routes: [{id: a, server_port: 53, upstream_id: u}], upstreams: [{id: u, nodes: {}, proxy_protocol: 2}]}',
    'c.yaml:1:68: stream_routes[0]: would send datagrams of a UDP listener without a PROXY header (add protocol: tcp)',
  ],
  [
    'TLS settings that nobody reads',
    `stream_routes: [{id: 1, upstream: {nodes: {}, tls: {verify: false}}}]`,
    'c.yaml:1:52: stream_routes[0].upstream.tls: has no effect without scheme: tls (add scheme: tls)',
  ],
  [
    'unknown service',
    'stream_routes: [{id: 1, service_id: 7}]',
    'c.yaml:1:37: stream_routes[0].service_id: there is no service with the id "7" (add it to services)',
  ],
  [
    'no upstream',
    'routes: [{id: 1, uri: /}]',
    'c.yaml:1:10: routes[0]: has no upstream (add upstream, upstream_id or service_id)',
  ],
  [
    'no upstream in the service either',
    'services: [{id: s}]\nroutes: [{id: 1, uri: /, service_id: s}]',
    'c.yaml:2:38: routes[0].service_id: neither the route nor the service "s" has an upstream (add upstream or upstream_id to one of them)',
  ],
  [
    'two upstreams',
    `upstreams: [{id: u, nodes: {}}]\nroutes: [{id: 1, uri: /, upstream_id: u, ${UP}}]`,
    'c.yaml:2:39: routes[0].upstream_id: cannot stand beside upstream (keep one of the two)',
  ],
  ['no path', `routes: [{id: 1, ${UP}}]`, 'c.yaml:1:10: routes[0]: has no path to match (add uri or uris)'],
  [
    'uri and uris',
    `routes: [{id: 1, uri: /, uris: [/a], ${UP}}]`,
    'c.yaml:1:23: routes[0].uri: cannot stand beside uris (move it into uris)',
  ],
  [
    'host and hosts',
    `routes: [{id: 1, uri: /, host: a, hosts: [b], ${UP}}]`,
    'c.yaml:1:32: routes[0].host: cannot stand beside hosts (move it into hosts)',
  ],
  [
    'remote_addr and remote_addrs',
    `stream_routes: [{id: 1, remote_addr: "::1", remote_addrs: ["::1"], ${UP}}]`,
    'c.yaml:1:38: stream_routes[0].remote_addr: cannot stand beside remote_addrs (move it into remote_addrs)',
  ],
  ['uri without slash', `routes: [{id: 1, uri: a, ${UP}}]`, 'c.yaml:1:23: routes[0].uri: "a" must start with "/"'],
  [
    'star inside a uri',
    `routes: [{id: 1, uris: [/a, /*/b], ${UP}}]`,
    'c.yaml:1:29: routes[0].uris[1]: "/*/b" has "*" before its end (a prefix ends in "*")',
  ],
  [
    'query in a uri',
    `routes: [{id: 1, uri: "/a?b", ${UP}}]`,
    'c.yaml:1:23: routes[0].uri: "/a?b" is not a path (leave out spaces, "?" and "#")',
  ],
  [
    'host with port',
    `routes: [{id: 1, uri: /, host: "a.example:80", ${UP}}]`,
    'c.yaml:1:32: routes[0].host: "a.example:80" is not a host name (leave out the port)',
  ],
  [
    'star inside a host',
    `services: [{id: 1, hosts: [a.*.example], ${UP}}]`,
    'c.yaml:1:28: services[0].hosts[0]: "a.*.example" is not a host name (write "api.example.com" or "*.example.com")',
  ],
  [
    'bad range of clients',
    `routes: [{id: 1, uri: /, remote_addr: 10.0.0.0/33, ${UP}}]`,
    'c.yaml:1:39: routes[0].remote_addr: "10.0.0.0/33" is not an IP address or a CIDR range (write "192.0.2.7" or "10.0.0.0/8")',
  ],
  [
    'bad trusted range',
    'trusted_addresses: [localhost]',
    'c.yaml:1:21: trusted_addresses[0]: "localhost" is not an IP address or a CIDR range (write "192.0.2.7" or "10.0.0.0/8")',
  ],
  [
    'bad server_addr',
    `stream_routes: [{id: 1, server_addr: db, ${UP}}]`,
    'c.yaml:1:38: stream_routes[0].server_addr: "db" is not an IP address',
  ],
  [
    'no nodes',
    'upstreams: [{id: 1}]',
    'c.yaml:1:13: upstreams[0]: has no nodes (add nodes, or service_name and discovery_type)',
  ],
  [
    'nodes and service_name',
    'upstreams: [{id: 1, nodes: {}, service_name: s}]',
    'c.yaml:1:46: upstreams[0].service_name: cannot stand beside nodes (keep one of the two, or make both entries of sources)',
  ],
  [
    'nodes beside sources',
    'upstreams: [{id: 1, nodes: {}, sources: [{nodes: {}}], discovery_args: {}}]',
    'c.yaml:1:28: upstreams[0].nodes: cannot stand beside sources (make it an entry of sources)',
    'c.yaml:1:72: upstreams[0].discovery_args: cannot stand beside sources (make it an entry of sources)',
  ],
  [
    'sources without nodes, service or registry',
    'upstreams: [{id: 1, sources: [{}, {service_name: s}, {nodes: {a: 1}}, {service_name: s, discovery_type: file}]}]',
    'c.yaml:1:31: upstreams[0].sources[0]: has no nodes (add nodes, or service_name and discovery_type)',
    'c.yaml:1:50: upstreams[0].sources[1].service_name: needs discovery_type (it names the registry that knows the service)',
    'c.yaml:1:63: upstreams[0].sources[2].nodes.a: "a" is not a "host:port" (add the port)',
    'c.yaml:1:105: upstreams[0].sources[3].discovery_type: "file" has no settings under discovery (add discovery.file)',
  ],
  ['no sources', 'upstreams: [{id: 1, sources: []}]', 'c.yaml:1:30: upstreams[0].sources: must not be empty'],
  [
    'service_name alone',
    'upstreams: [{id: 1, service_name: s}]',
    'c.yaml:1:35: upstreams[0].service_name: needs discovery_type (it names the registry that knows the service)',
  ],
  [
    'discovery_type alone',
    'registry: {}\nupstreams: [{id: 1, discovery_type: consul}]',
    'c.yaml:2:37: upstreams[0].discovery_type: needs service_name (add service_name)',
  ],
  [
    'registry without settings',
    'upstreams: [{id: 1, service_name: s, discovery_type: consul}]',
    'c.yaml:1:54: upstreams[0].discovery_type: "consul" has no settings under discovery (add discovery.consul, or registry for the embedded one)',
  ],
  [
    'node without port',
    'upstreams: [{id: 1, nodes: {shop: 1}}]',
    'c.yaml:1:29: upstreams[0].nodes.shop: "shop" is not a "host:port" (add the port)',
  ],
  [
    'bare IPv6 node',
    'upstreams: [{id: 1, nodes: {"::1": 1}}]',
    'c.yaml:1:29: upstreams[0].nodes["::1"]: "::1" is not a "host:port" (IPv6 goes in brackets: "[2001:db8::1]:80")',
  ],
  [
    'host of a node',
    'upstreams: [{id: 1, nodes: [{host: "a:80", port: 80}]}]',
    'c.yaml:1:36: upstreams[0].nodes[0].host: "a:80" is not a host name or an IP address (give the port in port)',
  ],
  [
    'same node twice',
    'upstreams: [{id: 1, nodes: [{host: a, port: 80}, {host: a, port: 80}]}]',
    'c.yaml:1:50: upstreams[0].nodes[1]: the node "a:80" is listed twice',
  ],
  [
    'rewrite without host',
    'upstreams: [{id: 1, nodes: {}, pass_host: rewrite}]',
    'c.yaml:1:43: upstreams[0].pass_host: "rewrite" needs upstream_host (add upstream_host)',
  ],
  [
    'mistake in an inline upstream',
    'services:\n  - id: 1\n    upstream:\n      nodes: {a: 1}',
    'c.yaml:4:15: services[0].upstream.nodes.a: "a" is not a "host:port" (add the port)',
  ],
  [
    'bad listen address',
    'listen: ["9080"]',
    'c.yaml:1:10: listen[0]: "9080" is not an address to listen on (write "host:port", such as "0.0.0.0:9080")',
  ],
  [
    'port out of range',
    'admin: {address: "a:70000"}',
    'c.yaml:1:18: admin.address: "a:70000" is not an address to listen on (write "host:port", such as "0.0.0.0:9080")',
  ],
  [
    'address twice',
    'listen: ["a:1", {address: "A:1"}]',
    'c.yaml:1:27: listen[1].address: A:1 is already taken by listen[0]',
  ],
  [
    'address under a wildcard',
    'stream_listen:\n  - address: 0.0.0.0:9180\nadmin: {address: "127.0.0.1:9180"}',
    'c.yaml:3:18: admin.address: 127.0.0.1:9180 is already taken by stream_listen[0].address',
  ],
  [
    'wildcard over an address',
    'listen: ["127.0.0.1:5", "[::]:5"]',
    'c.yaml:1:25: listen[1]: [::]:5 is already taken by listen[0]',
  ],
  [
    'Consul without scheme',
    'discovery: {consul: {servers: ["user:pw@consul:8500"]}}',
    'c.yaml:1:32: discovery.consul.servers[0]: is not an http or https URL (write "http://127.0.0.1:8500")',
  ],
  [
    'Consul with a query',
    'discovery: {consul: {servers: ["http://c:8500/?dc=a"]}}',
    'c.yaml:1:32: discovery.consul.servers[0]: must not have a query or a fragment',
  ],
  [
    'a DNS server by name',
    'discovery: {dns: {servers: ["10.0.0.2", "[2001:db8::2]:53", "ns.example.com", "10.0.0.2:0"]}}',
    'c.yaml:1:61: discovery.dns.servers[2]: "ns.example.com" is not an IP address with or without a port (write "10.0.0.2", "10.0.0.2:8600" or "[2001:db8::2]:53")',
    'c.yaml:1:79: discovery.dns.servers[3]: "10.0.0.2:0" is not an IP address with or without a port (write "10.0.0.2", "10.0.0.2:8600" or "[2001:db8::2]:53")',
  ],
  [
    'an order of DNS types that leads nowhere',
    'discovery: {dns: {order: [last, CNAME]}}',
    'c.yaml:1:26: discovery.dns.order: names no type that leads to an address (add "SRV", "A" or "AAAA")',
  ],
  [
    'bounds of the TTL that cross',
    'discovery: {dns: {min_ttl: 90}}',
    'c.yaml:1:28: discovery.dns.min_ttl: is above max_ttl, which is 60 (lower it)',
  ],
  [
    'a policy that is none',
    'discovery: {dns: {hold: {timeout: never}}}',
    'c.yaml:1:35: discovery.dns.hold.timeout: must be "keep", "drop" or a number of seconds, is "never"',
  ],
  [
    'a DNS listener where another listener is',
    'admin: {address: "127.0.0.1:8600"}\ndns_listen: {address: "127.0.0.1:8600"}',
    'c.yaml:2:23: dns_listen.address: 127.0.0.1:8600 is already taken by admin.address',
  ],
  [
    'a domain with a final dot',
    'dns_listen: {domain: lb.}',
    'c.yaml:1:22: dns_listen.domain: must be a domain name without a final dot, is "lb."',
  ],
  [
    'half a brace in a template',
    'discovery: {consul: {auto_route: "{service.example.com"}}',
    'c.yaml:1:34: discovery.consul.auto_route: "{service.example.com" has a brace without its other half',
  ],
  [
    'unknown name in a template',
    'discovery: {consul: {auto_route: "{name}.example.com"}}',
    'c.yaml:1:34: discovery.consul.auto_route: "{name}" is not known (there are {service}, {meta.<key>} and {tag.<key>})',
  ],
  [
    'template that names nothing',
    'discovery: {consul: {auto_route: "api.example.com"}}',
    'c.yaml:1:34: discovery.consul.auto_route: every service would get the same route (write "{service}.example.com")',
  ],
  [
    'template that is no host',
    'discovery: {consul: {auto_route: "http://{service}/"}}',
    'c.yaml:1:34: discovery.consul.auto_route: "http://{service}/" is not a host or a host and a path (write "{service}.example.com" or "api.example.com/{service}/*")',
  ],
  [
    'one address for TCP and for UDP, and one of them twice',
    'stream_listen: [{address: "a:53"}, {address: "a:53", protocol: udp}, {address: "a:53", protocol: udp}]',
    'c.yaml:1:80: stream_listen[2].address: a:53 is already taken by stream_listen[1].address',
  ],
  [
    'the DNS listener and a UDP listener on one address',
    'stream_listen: [{address: "a:53", protocol: udp}]\ndns_listen: {address: "a:53"}',
    'c.yaml:2:23: dns_listen.address: a:53 is already taken by stream_listen[0].address',
  ],
  [
    'settings of UDP on a TCP listener',
    'stream_listen: [{address: "a:53", udp: {responses: 1}}]',
    'c.yaml:1:35: stream_listen[0].udp: belongs to a UDP listener (add "protocol: udp", or leave it out)',
  ],
  [
    'port on which nothing listens by the protocol of the route',
    `stream_listen: [{address: "a:53"}]\nstream_routes: [{id: 1, server_port: 53, protocol: udp, ${UP}}]`,
    'c.yaml:2:38: warning: stream_routes[0].server_port: no stream_listen for udp has the port 53 (the route is never used)',
  ],
  [
    'port on which nothing listens',
    `stream_routes: [{id: 1, server_port: 5432, ${UP}}]`,
    'c.yaml:1:38: warning: stream_routes[0].server_port: no stream_listen has the port 5432 (the route is never used)',
  ],
  // Balancing
  [
    'a hash of nothing',
    'upstreams: [{id: 1, type: chash, nodes: {"a:80": 1}}]',
    'c.yaml:1:13: upstreams[0]: type chash needs key (add key: remote_addr)',
  ],
  [
    'a variable that there is not',
    'upstreams: [{id: 1, type: chash, key: remote_adr, nodes: {"a:80": 1}}]',
    'c.yaml:1:39: upstreams[0].key: "remote_adr" is not a variable (known are remote_addr, remote_port, server_addr, server_port, server_name, host, uri, request_uri, query_string, args, request_method, arg_*, http_*, cookie_*)',
  ],
  [
    'a variable with its dollar',
    'upstreams: [{id: 1, type: chash, key: "$uri", nodes: {"a:80": 1}}]',
    'c.yaml:1:39: upstreams[0].key: "$uri" is not a variable (leave out the "$")',
  ],
  [
    'a combination without variables',
    'upstreams: [{id: 1, type: chash, hash_on: vars_combinations, key: uri, nodes: {"a:80": 1}}]',
    'c.yaml:1:67: upstreams[0].key: "uri" has no variable (write "$remote_addr$uri")',
  ],
  [
    'a header that ends at the gateway',
    'upstreams: [{id: 1, type: chash, hash_on: header, key: X-Forwarded-For, nodes: {"a:80": 1}}]',
    'c.yaml:1:56: upstreams[0].key: "X-Forwarded-For" is not believed from a client (the variable remote_addr knows the client behind trusted_addresses)',
  ],
  [
    'a header name with a space',
    'upstreams: [{id: 1, type: chash, hash_on: header, key: "X User", nodes: {"a:80": 1}}]',
    'c.yaml:1:56: upstreams[0].key: "X User" is not a header name',
  ],
  [
    'a bound that holds everything back',
    'upstreams: [{id: 1, type: chash, key: uri, bounded_load: 1, nodes: {"a:80": 1}}]',
    'c.yaml:1:58: upstreams[0].bounded_load: must be true, false or a number above 1, is the number 1',
  ],
  [
    'settings of another balancer',
    'upstreams: [{id: 1, key: uri, ewma_decay: 5, nodes: {"a:80": 1}}]',
    'c.yaml:1:26: warning: upstreams[0].key: has no effect without type: chash',
    'c.yaml:1:43: warning: upstreams[0].ewma_decay: has no effect without type: ewma',
  ],
  [
    'a cookie for other sites without TLS',
    'upstreams: [{id: 1, sticky: {cookie: a, same_site: none}, nodes: {"a:80": 1}}]',
    'c.yaml:1:52: upstreams[0].sticky.same_site: "none" needs secure (browsers drop such a cookie; add secure: true)',
  ],
  [
    'a cookie name with an equals sign',
    'upstreams: [{id: 1, sticky: {cookie: a=b}, nodes: {"a:80": 1}}]',
    'c.yaml:1:38: upstreams[0].sticky.cookie: must be a cookie name without spaces, "=", ";" and ",", is "a=b"',
  ],
  // Registries
  [
    'an address of a registry that is no URL',
    'discovery: {eureka: {host: ["10.0.0.1:8761"]}, nacos: {host: [x]}}',
    'c.yaml:1:29: discovery.eureka.host[0]: is not an http or https URL (write "http://127.0.0.1:8761")',
    'c.yaml:1:63: discovery.nacos.host[0]: is not an http or https URL (write "http://127.0.0.1:8848")',
  ],
  ['a registry without an address', 'discovery: {nacos: {}}', 'c.yaml:1:20: discovery.nacos.host: is missing'],
  [
    'a template that is the same for every service',
    'discovery: {eureka: {host: ["http://a"], auto_route: a.example}}',
    'c.yaml:1:54: discovery.eureka.auto_route: every service would get the same route (write "{service}.example.com")',
  ],
  [
    'a registration without a registry',
    'register: {consul: {address: a, port: 1}, eureka: {address: "a:1", port: 1}}',
    'c.yaml:1:20: register.consul: names no server to register at (add servers, or discovery.consul)',
    'c.yaml:1:51: register.eureka: names no server to register at (add host, or discovery.eureka)',
    'c.yaml:1:61: register.eureka.address: "a:1" is not a host name or an IP address (IPv6 goes without brackets, and the port in port)',
  ],
];

for (const [name, text, ...lines] of CASES) {
  test(`a configuration with ${name}`, () => {
    assert.deepEqual(printed(text), lines);
  });
}

test('one mistake does not hide the next, and all come in the order of the file', () => {
  const text = [
    'workers: no',
    'routes:',
    '  - id: r',
    '    uri: shop',
    '    uris: [/a]',
    '    status: on',
    '    upstream:',
    '      nodes: {a: x, b: 1}',
    '      pass_hots: node',
    '  - id: r',
    '    uri: /b',
    '    upstream_id: u',
    'upstreams:',
    '  - id: u',
    '    retries: -1',
  ].join('\n');
  assert.deepEqual(printed(text), [
    'c.yaml:1:10: workers: must be "auto" or a whole number from 1 to 256, is "no"',
    'c.yaml:4:10: routes[0].uri: cannot stand beside uris (move it into uris)',
    'c.yaml:4:10: routes[0].uri: "shop" must start with "/"',
    'c.yaml:6:13: routes[0].status: must be 1 or 0, is "on"',
    'c.yaml:8:18: routes[0].upstream.nodes.a: must be a whole number, is "x"',
    'c.yaml:8:21: routes[0].upstream.nodes.b: "b" is not a "host:port" (add the port)',
    'c.yaml:9:7: routes[0].upstream.pass_hots: unknown key (did you mean "pass_host"?)',
    'c.yaml:10:9: routes[1].id: the id "r" is already that of routes[0]',
    'c.yaml:15:14: upstreams[0].retries: must be at least 0, is -1',
  ]);
});

test('what is wrong through an alias is shown where it is written', () => {
  const text = 'stream_listen:\n  - &l {address: nope}\nlisten:\n  - *l';
  assert.deepEqual(
    printed(text).map((line) => line.split(': ')[0]),
    ['c.yaml:2:18', 'c.yaml:2:18'],
  );
});

test('a file that cannot be placed in is named alone', () => {
  const problem = { file: 'c.yaml', line: 0, column: 0, path: '', message: 'is too large', hint: 'at most 8 MiB' };
  assert.equal(formatProblem(problem), 'c.yaml: is too large (at most 8 MiB)');
});

test('a configuration without faults prints nothing', () => {
  for (const template of ['{service}.example.com', '{meta.host}/{service}/*', '/{tag.path}', '{service}']) {
    assert.deepEqual(printed(`discovery: {consul: {auto_route: "${template}"}}`), []);
  }
  assert.deepEqual(printed(`routes: [{id: 1, uri: /, ${UP}}]`), []);
  assert.deepEqual(printed(''), []);
  assert.deepEqual(printed('listen: ["a:0", "b:0"]\nadmin: {address: "a:0"}'), []);
  assert.deepEqual(printed(`stream_listen: [{address: "a:5"}]\nstream_routes: [{id: 1, server_port: 5, ${UP}}]`), []);
});
