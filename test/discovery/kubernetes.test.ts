import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { KubernetesDiscovery } from '../../src/discovery/kubernetes.ts';
import type { KubernetesOptions } from '../../src/discovery/kubernetes-options.ts';
import type { Node } from '../../src/discovery/types.ts';
import { AdapterBed } from '../support/adapter-bed.ts';
import { DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';
import { endpointSlice, type SliceFacts } from '../support/endpoint-slice.ts';
import { settle } from '../support/fake-clock.ts';
import { ScriptedKubernetes } from '../support/scripted-kubernetes.ts';
import type { ScriptedRequest } from '../support/scripted-registry.ts';
import { RecordingSink } from '../support/sink.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const A = { address: '10.0.0.1' };
const B = { address: '10.0.0.2' };

function slice(endpoints: readonly { readonly address: string }[], version: number | string, facts: SliceFacts = {}) {
  return endpointSlice(endpoints, { ...facts, version });
}

describe('the Kubernetes adapter', { timeout: 30_000 }, () => {
  let bed: AdapterBed<ScriptedKubernetes, KubernetesDiscovery>;

  beforeEach(async () => {
    bed = new AdapterBed(await ScriptedKubernetes.start());
  });

  afterEach(() => bed.close());

  function create(options: Partial<KubernetesOptions> = {}, token: string | null = null): void {
    const place = {
      ...DEFAULT_KUBERNETES.place,
      scheme: 'http' as const,
      host: '127.0.0.1',
      port: bed.server.port,
      token,
    };
    bed.adapter = new KubernetesDiscovery(
      { ...DEFAULT_KUBERNETES, place, timeout: 30_000, ...options },
      {},
      bed.tools,
      bed.log,
    );
  }

  function watch(service = 'default/web:http', into = bed.sink, args: Record<string, string> = {}): void {
    bed.watch({ source: 'kubernetes', service, args }, into);
  }

  async function addresses(from = bed.sink): Promise<string[]> {
    return (await from.nextSet()).map((node) => node.host);
  }

  /** Lets the time after a failure pass and takes the next question. */
  const again = () => bed.after(15_000, bed.server.next());

  it('lists, then watches from the version of the list on', async () => {
    create({}, 'secret');
    watch();
    const list = await bed.server.list([slice([A], 5)], 10);
    assert.equal(list.path, SLICES);
    assert.equal(list.parameters.get('labelSelector'), 'kubernetes.io/service-name');
    assert.equal(list.parameters.get('resourceVersion'), null);
    assert.equal(list.headers.authorization, 'Bearer secret');
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    const stream = await bed.server.watch();
    assert.equal(stream.from, '10');
    assert.equal(stream.request.parameters.get('allowWatchBookmarks'), 'true');
    assert.equal(stream.request.parameters.get('timeoutSeconds'), '60');
    stream.event('MODIFIED', slice([A, B], 11));
    assert.deepEqual(await addresses(), ['10.0.0.1', '10.0.0.2']);
    stream.event('DELETED', slice([A, B], 12));
    assert.deepEqual(await addresses(), []);
    stream.event('ADDED', slice([B], 13));
    assert.deepEqual(await addresses(), ['10.0.0.2']);
  });

  it('reads a list of several pages as one', async () => {
    create();
    watch();
    const first = await bed.server.list([slice([A], 5, { name: 'one' })], 10, 'page 2');
    assert.equal(first.parameters.get('limit'), '200');
    const second = await bed.server.list([slice([B], 6, { name: 'two' })], 10);
    assert.equal(second.parameters.get('continue'), 'page 2');
    assert.deepEqual(await addresses(), ['10.0.0.1', '10.0.0.2']);
  });

  it('takes nothing from a list of which a page is missing', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5, { name: 'one' })], 10, 'page 2');
    (await bed.server.next()).raw(500, '');
    assert.match((await bed.sink.nextFailure()).message, /answered 500: it failed/);
  });

  it('shares one watch among the services of a namespace', async () => {
    create();
    const other = new RecordingSink<Node>();
    watch();
    watch('default/api:http', other);
    await bed.server.list([slice([A], 5), slice([B], 6, { name: 'api-1', service: 'api' })], 10);
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    assert.deepEqual(await addresses(other), ['10.0.0.2']);
    const stream = await bed.server.watch();
    stream.event('MODIFIED', slice([A, B], 11, { name: 'api-1', service: 'api' }));
    assert.deepEqual(await addresses(other), ['10.0.0.1', '10.0.0.2']);
    assert.equal(bed.sink.told.size, 0);
    const late = new RecordingSink<Node>();
    watch('default/api:http', late);
    assert.deepEqual(await addresses(late), ['10.0.0.1', '10.0.0.2']);
    assert.equal(bed.server.registry.requests.size, 0);
  });

  it('moves a slice to the service that its label names now', async () => {
    create();
    const other = new RecordingSink<Node>();
    watch();
    watch('default/api:http', other);
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    await addresses(other);
    (await bed.server.watch()).event('MODIFIED', slice([A], 11, { service: 'api' }));
    assert.deepEqual(await addresses(), []);
    assert.deepEqual(await addresses(other), ['10.0.0.1']);
  });

  it('ends the watch with the last service, and begins anew with the next', async () => {
    create();
    const first = new AbortController();
    const ended = bed.adapter.watch({ source: 'kubernetes', service: 'default/web', args: {} }, bed.sink, first.signal);
    await bed.server.list([slice([A], 5)], 10);
    await bed.sink.nextSet();
    const stream = await bed.server.watch();
    stream.bookmark(11);
    await bed.sink.nextSet();
    first.abort();
    await ended;
    await stream.request.closed;
    watch();
    await bed.server.list([slice([B], 12)], 12);
    assert.deepEqual(await addresses(), ['10.0.0.2']);
  });

  it('goes on from the last bookmark when a watch ends in order, and takes both for a confirmation', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.bookmark(500);
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    stream.end();
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    assert.equal((await bed.server.watch()).from, '500');
  });

  it('lists at once when the version is too old, and does not fail or empty the set meanwhile', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.event('ERROR', {
      kind: 'Status',
      code: 410,
      reason: 'Expired',
      message: 'too old resource version: 10 (99)',
    });
    await bed.server.list([slice([A, B], 99)], 99);
    assert.deepEqual(await addresses(), ['10.0.0.1', '10.0.0.2']);
    const next = await bed.server.watch();
    assert.equal(next.from, '99');
    next.event('MODIFIED', slice([B], 100));
    assert.deepEqual(await addresses(), ['10.0.0.2']);
    next.end();
    await addresses();
    (await bed.server.next()).raw(410, JSON.stringify({ kind: 'Status', code: 410, message: 'too old' }));
    await bed.server.list([slice([A], 120)], 120);
    assert.deepEqual(await addresses(), ['10.0.0.1']);
  });

  it('does not list again and again for a server that calls every version too old', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    (await bed.server.next()).raw(410, '{}');
    await bed.server.list([slice([A], 5)], 11);
    await addresses();
    (await bed.server.next()).raw(410, '{}');
    assert.equal((await bed.sink.nextFailure()).code, 'DISCOVERY_EXPIRED');
    await settle();
    assert.equal(bed.server.registry.requests.size, 0);
  });

  it('says so when a list is older than what was known', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 1000);
    await addresses();
    (await bed.server.watch()).request.reset();
    await bed.sink.nextFailure();
    (await again()).raw(200, JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] }));
    const doubt = 'the resourceVersion went back from 1000 to 7';
    assert.deepEqual(await bed.sink.told.next(), { kind: 'set', members: [], doubt });
    assert.equal((await bed.server.watch()).from, '7');
  });

  it('compares versions as numbers, and takes what is none as it comes', async () => {
    create();
    watch();
    await bed.server.list([], 9);
    await addresses();
    const stream = await bed.server.watch();
    stream.event('ADDED', slice([A], 10));
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    stream.event('MODIFIED', slice([B], 'opaque'));
    assert.deepEqual(await addresses(), ['10.0.0.2']);
  });

  it('takes anything but good events for a failure, keeps what is known, and lists again', async () => {
    create();
    watch();
    const faults: [string, RegExp][] = [
      ['{"type":"ADDED","object":{"metadata":{"name"\n', /sent a line that is not JSON/],
      ['<html>\n', /not JSON \(beginning "<html>"\)/],
      ['[]\n', /something else than an event/],
      ['{"type":"ADDED"}\n', /something else than the object of an event/],
      [`${JSON.stringify({ type: 'SWAPPED', object: slice([A], 2000) })}\n`, /an event of the type "SWAPPED"/],
      [`${JSON.stringify({ type: 'ADDED', object: slice([A], 3) })}\n`, /an event of the version 3 after one of/],
      [`${JSON.stringify({ type: 'ERROR', object: { code: 500, message: 'etcd is away' } })}\n`, /500.*etcd is away/],
      [`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'x' } } })}\n`, /without a resourceVersion/],
    ];
    let version = 1000;
    await bed.server.list([slice([A], 5)], version);
    await addresses();
    for (const [text, message] of faults) {
      (await bed.server.watch()).text(text);
      const failure = await bed.sink.nextFailure();
      assert.match(failure.message, message);
      assert.ok(failure.message.startsWith(`the Kubernetes API server at http://127.0.0.1:${bed.server.port} `), text);
      version += 1;
      (await again()).raw(200, JSON.stringify({ metadata: { resourceVersion: `${version}` }, items: [slice([A], 5)] }));
      assert.deepEqual(await addresses(), ['10.0.0.1']);
    }
  });

  it('goes on with its watch over a slice that can not be read, leaves it out and says so', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.event('ADDED', slice([B], 11, { name: 'odd', addressType: 'X' }));
    assert.deepEqual(await addresses(), ['10.0.0.1']);
    assert.match(
      bed.log.events.at(-1)?.message ?? '',
      /left out: the EndpointSlice "default\/odd" has the addressType "X"/,
    );
    stream.event('DELETED', slice([A], 12));
    assert.match(
      (await bed.sink.nextFailure()).message,
      /no endpoint that can be used: the EndpointSlice "default\/odd"/,
    );
    stream.event('MODIFIED', slice([B], 13, { name: 'odd' }));
    assert.deepEqual(await addresses(), ['10.0.0.2']);
  });

  it('takes a watch that ends in the middle of a line for a failure', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.text(JSON.stringify({ type: 'DELETED', object: slice([A], 11) }));
    stream.end();
    assert.match((await bed.sink.nextFailure()).message, /ended a watch in the middle of a line/);
  });

  it('puts a line together that comes in pieces', async () => {
    create();
    watch();
    await bed.server.list([], 10);
    await addresses();
    const stream = await bed.server.watch();
    const line = JSON.stringify({ type: 'ADDED', object: slice([A], 11, { name: 'wäb' }) });
    for (let at = 0; at < line.length; at += 50) {
      stream.text(line.slice(at, at + 50));
      await settle();
    }
    assert.equal(bed.sink.told.size, 0);
    stream.text('\n');
    assert.deepEqual(await addresses(), ['10.0.0.1']);
  });

  it('does not ask in a circle when watches end as soon as they begin', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    (await bed.server.watch()).end();
    assert.match((await bed.sink.nextFailure()).message, /ended a watch as soon as it had begun/);
  });

  it('gives up a watch on which nothing comes, and lists again', async () => {
    create();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.text('');
    await settle();
    await bed.clock.run(89_000);
    assert.equal(bed.sink.told.size, 0);
    await bed.clock.run(1_000);
    assert.equal((await bed.sink.nextFailure()).code, 'DISCOVERY_TIMEOUT');
    await stream.request.closed;
    (await again()).raw(200, JSON.stringify({ metadata: { resourceVersion: '11' }, items: [slice([B], 6)] }));
    assert.deepEqual(await addresses(), ['10.0.0.2']);
  });

  it('lists all anew every few minutes, for what a watch may have missed', async () => {
    create({ watchTimeout: 3_600_000 });
    watch();
    await bed.server.list([slice([A], 5)], 10);
    await addresses();
    const stream = await bed.server.watch();
    stream.text('');
    await bed.clock.run(331_000);
    stream.bookmark(11);
    await addresses();
    await bed.server.list([slice([B], 12)], 12);
    assert.deepEqual(await addresses(), ['10.0.0.2']);
    await stream.request.closed;
  });

  it('says what to do about a refusal', async () => {
    create();
    watch();
    const status = (code: number, message: string) => JSON.stringify({ kind: 'Status', code, message });
    const refusals: [(request: ScriptedRequest) => void, RegExp][] = [
      [(request) => request.raw(401, status(401, 'Unauthorized')), /answered 401: .*client\.token_file.*Unauthorized/],
      [
        (request) => request.raw(403, status(403, 'is forbidden')),
        /allow to list endpointslices: give a Role in the namespace "default" .*verbs \["list", "watch"\] \(it says: is f/,
      ],
      [(request) => request.raw(404, '404 page not found'), /does not know endpointslices: is it a Kubernetes API/],
      [(request) => request.raw(429, ''), /answered 429: it has too much to do/],
      [(request) => request.raw(503, '<html>'), /answered 503: it failed \(it says: <html>\)/],
      [(request) => request.raw(200, '<html>'), /not whole JSON/],
      [(request) => request.raw(200, '{"metadata":{"resourceVersion":"1"}}'), /a list without items/],
      [(request) => request.raw(200, '{"metadata":{},"items":[]}'), /a list without a resourceVersion/],
      [(request) => request.raw(200, '[]'), /something else than a list/],
      [(request) => request.reset(), /can't be asked/],
    ];
    let request = await bed.server.next();
    for (const [refuse, message] of refusals) {
      refuse(request);
      assert.match((await bed.sink.nextFailure()).message, message);
      request = await again();
    }
    request.raw(200, '{"metadata":{"resourceVersion":"1"},"items":[]}');
    assert.deepEqual(await addresses(), []);
  });

  it('asks for a ClusterRole where it looks at all namespaces', async () => {
    create({ scope: 'cluster', namespaces: { equal: null, notEqual: 'kube-system', match: [], notMatch: [] } });
    watch();
    const request = await bed.server.next();
    assert.equal(request.path, '/apis/discovery.k8s.io/v1/endpointslices');
    assert.equal(request.parameters.get('fieldSelector'), 'metadata.namespace!=kube-system');
    request.raw(403, '');
    assert.match((await bed.sink.nextFailure()).message, /give a ClusterRole with apiGroups \["discovery.k8s.io"\]/);
  });

  it('reads the token file for each question', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headgate-token-'));
    const tokenFile = join(directory, 'token');
    try {
      const place = {
        ...DEFAULT_KUBERNETES.place,
        scheme: 'http' as const,
        host: '127.0.0.1',
        port: bed.server.port,
        tokenFile,
      };
      create({ place });
      watch();
      assert.match((await bed.sink.nextFailure()).message, /the token can't be read: ENOENT/);
      writeFileSync(tokenFile, 'first\n');
      const list = await again();
      assert.equal(list.headers.authorization, 'Bearer first');
      writeFileSync(tokenFile, 'second');
      list.raw(200, '{"metadata":{"resourceVersion":"1"},"items":[]}');
      assert.equal((await bed.server.watch()).request.headers.authorization, 'Bearer second');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses what it cannot ask for, with the remedy, and asks nothing', async () => {
    create({ namespaces: { equal: null, notEqual: null, match: ['^shop-'], notMatch: [] } });
    const faults: [string, Record<string, string>, RegExp][] = [
      ['web', {}, /"web" is not of the form "namespace\/name:port": write "default\/web:http"/],
      ['Shop/web', {}, /not of the form/],
      ['shop-a/web:', {}, /not of the form/],
      ['default/web', {}, /"default\/web" is in no selected namespace: see .*namespace_selector/],
      ['shop-a/web', { zone: 'a' }, /discovery_args\.zone is not known: Kubernetes takes address_type/],
      ['shop-a/web', { address_type: 'ipv4' }, /address_type is "ipv4": write IPv4, IPv6 or FQDN/],
    ];
    for (const [service, args, message] of faults) {
      watch(service, bed.sink, args);
      assert.match((await bed.sink.nextFailure()).message, message);
    }
    assert.equal(bed.server.registry.requests.size, 0);
  });

  it('asks for the name of the port where there are several, and goes on asking while that is so', async () => {
    create();
    watch('default/web');
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ];
    await bed.server.list([slice([A], 5, { ports })], 10);
    const message = /has the ports admin, http: write service_name "default\/web:admin"/;
    assert.match((await bed.sink.nextFailure()).message, message);
    const stream = await bed.server.watch();
    stream.bookmark(11);
    assert.match((await bed.sink.nextFailure()).message, message);
    stream.event('MODIFIED', slice([A], 12));
    assert.deepEqual(await addresses(), ['10.0.0.1']);
  });

  it('takes a service without the named port for one without nodes, and says so once', async () => {
    create();
    watch('default/web:grpc');
    await bed.server.list([slice([A], 5)], 10);
    assert.deepEqual(await addresses(), []);
    (await bed.server.watch()).event('MODIFIED', slice([A, B], 11));
    assert.deepEqual(await addresses(), []);
    assert.deepEqual(bed.log.names, ['discovery.unusable-instance']);
    assert.match(bed.log.events[0]!.message, /there is no port "grpc" among http/);
  });

  it('has no catalogue unless it is asked for, and then joins tags of Services with nodes', async () => {
    create();
    assert.equal(bed.adapter.watchCatalog, undefined);
    await bed.adapter.close();
    create({ autoRoutes: true });
    const catalog = new RecordingSink<{ service: string; tags: readonly string[] }>();
    bed.run(bed.adapter.watchCatalog!(catalog, bed.abort.signal));
    const annotated = (host: string, version: number) => ({
      metadata: {
        name: 'web',
        namespace: 'default',
        resourceVersion: String(version),
        annotations: { 'headgate.io/host': host, 'headgate.io/weight': '9' },
      },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    const request = await bed.server.list([annotated('a.test', 4)], 10);
    assert.equal(request.path, '/api/v1/services');
    assert.deepEqual(await catalog.nextSet(), [{ service: 'default/web:http', tags: ['headgate.host=a.test'] }]);
    const services = await bed.server.watch();
    watch();
    await bed.server.list([slice([A], 5)], 10);
    assert.deepEqual((await bed.sink.nextSet())[0]?.tags, ['headgate.host=a.test']);
    services.event('MODIFIED', annotated('b.test', 11));
    assert.deepEqual((await bed.sink.nextSet())[0]?.tags, ['headgate.host=b.test']);
    assert.equal((await catalog.nextSet()).length, 1);
  });
});
