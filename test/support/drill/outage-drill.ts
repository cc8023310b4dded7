import assert from 'node:assert/strict';
import { after, afterEach, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { DrillBackend, ManyBackends } from './drill-backends.ts';
import { DrillGateway } from './drill-gateway.ts';
import { type DrillNode, PART, type RegistryHarness } from './registry-harness.ts';

const NODES = 8;
const MANY = 10_000;
const CHANGES_PER_SECOND = 100;
const CHANGES_MS = 3_000;
/** What the guard lets through of changes without end: a few at once, then one in this time. */
const MERGE_BURST = 4;
const MERGE_MS = 200;

/**
 * One registry through every fault, with a gateway under load from the beginning to the end: not one request may fail, since
 * there is always a node that lives. Call it in a suite.
 */
export function outageDrill(start: () => Promise<RegistryHarness>): void {
  let harness: RegistryHarness;
  let gateway: DrillGateway;
  let backends: DrillBackend[];
  let flapping: DrillBackend;
  let many: ManyBackends;
  let nodes: DrillNode[];
  const names = () => nodes.map(({ name }) => name);

  before(async () => {
    harness = await start();
    backends = await Promise.all(Array.from({ length: NODES }, (_, index) => DrillBackend.start(`n${index}`)));
    flapping = await DrillBackend.start('flapping');
    many = await ManyBackends.start(MANY);
    nodes = backends.map(({ node }) => node);
    await harness.register(nodes);
    gateway = await DrillGateway.start(harness);
    await gateway.until('ok', NODES);
    gateway.startLoad();
    await gateway.served(names());
  });

  afterEach(() => assert.deepEqual(gateway?.failures ?? [], []));

  after(async () => {
    await gateway?.stop();
    await harness?.close();
    for (const each of [...(backends ?? []), flapping, many]) await each?.stop();
  });

  it(`follows ${CHANGES_PER_SECOND} changes a second, and routes anew five times a second at most`, async (test) => {
    const before = (await gateway.updates('applied')) + (await gateway.updates('merged'));
    const begin = performance.now();
    let changes = 0;
    for (; performance.now() - begin < CHANGES_MS; changes++) {
      await harness.change(flapping.node, changes % 2 === 0);
      const due = begin + (changes * 1000) / CHANGES_PER_SECOND;
      if (due > performance.now()) await pause(due - performance.now());
    }
    if (changes % 2 === 1) await harness.deregister([flapping.node]);
    await harness.settle();
    await gateway.until('ok', NODES);
    const rebuilt = (await gateway.updates('applied')) + (await gateway.updates('merged')) - before;
    const elapsed = performance.now() - begin;
    assert.ok(rebuilt <= MERGE_BURST + elapsed / MERGE_MS + 1, `${rebuilt} times in ${elapsed} ms`);
    test.diagnostic(`${changes} changes in ${(elapsed / 1000).toFixed(1)} s, in force ${rebuilt} times`);
    await gateway.served(names());
  });

  for (const fault of ['error', 'garbage', 'cut'] as const) {
    it(`keeps what it knows while ${FAULTS[fault]}, says so, and recovers by itself`, async (test) => {
      const errors = await gateway.errors();
      harness.proxy.set(fault);
      // A watch that ended with the fault before may have been refused just now: that is not yet this one.
      while ((await gateway.errors()) <= errors) await pause(10);
      const stale = await gateway.until('stale', NODES);
      test.diagnostic(String(stale.reason));
      assert.notEqual(stale.reason, null);
      await gateway.served(names());
      harness.proxy.set('none');
      const good = await gateway.until('ok', NODES);
      assert.equal(good.reason, null);
    });
  }

  it(`holds back an answer with ${PART} of ${NODES} nodes, and drops it when the rest comes back`, async () => {
    const [held, dropped] = [await gateway.updates('held'), await gateway.updates('dropped')];
    harness.proxy.set('part');
    const view = await gateway.until('held', NODES);
    assert.match(view.reason ?? '', new RegExp(`^${NODES} → ${PART} nodes .*; held until `));
    assert.equal(await gateway.updates('held'), held + 1);
    assert.equal(await gateway.nodesInMetrics(), NODES);
    await gateway.served(names());
    harness.proxy.set('none');
    await gateway.until('ok', NODES);
    assert.equal(await gateway.updates('dropped'), dropped + 1);
  });

  it('lets through what it holds when it is told to', async () => {
    assert.equal(await gateway.release(), 404, 'nothing is held yet');
    harness.proxy.set('part');
    await gateway.until('held', NODES);
    assert.equal(await gateway.release(), 200);
    await gateway.until('ok', PART);
    while ((await gateway.answering(100)).length !== PART) await pause(10);
    harness.proxy.set('none');
    await gateway.until('ok', NODES);
    await gateway.served(names());
  });

  it('goes on following a registry whose count goes backwards, where it has one', async () => {
    if (!harness.counts) return;
    harness.proxy.set('backwards');
    await harness.register([flapping.node]);
    await gateway.served(['flapping']);
    harness.proxy.set('none');
    await harness.deregister([flapping.node]);
    await gateway.until('ok', NODES);
    await gateway.served(names());
  });

  it(`takes in ${MANY} nodes, and holds back the loss of nearly all in one step`, async (test) => {
    const begin = performance.now();
    await harness.register(many.nodes);
    const registered = performance.now();
    await gateway.until('ok', NODES + MANY);
    test.diagnostic(`registered in ${seconds(begin, registered)}, followed in ${seconds(registered)} more`);
    await gateway.served(['many']);
    harness.proxy.set('part');
    const held = await gateway.until('held', NODES + MANY);
    assert.match(held.reason ?? '', new RegExp(`^${NODES + MANY} → \\d+ nodes .*; held until `));
    await gateway.served(['many']);
    harness.proxy.set('none');
    await gateway.until('ok', NODES + MANY);
    await gateway.more(200);
    await harness.deregister(many.nodes);
    // They go in as many steps as the registry makes of it; a step that is held back is let through.
    while ((await gateway.watch()).count !== NODES) {
      await gateway.release();
      await pause(50);
    }
    await gateway.until('ok', NODES);
    await gateway.served(names());
  });

  it('serves without the registry, also when a node dies meanwhile, and holds what one says that starts empty', async () => {
    await harness.kill();
    await gateway.until('stale', NODES);
    await backends[0]!.stop();
    await gateway.served(names().slice(1));
    await gateway.more(300);
    await backends[0]!.restart();
    await gateway.served(names());
    await harness.restart();
    const view = await gateway.until(harness.empty.state, NODES, harness.empty.reason);
    assert.notEqual(view.reason, null);
    await gateway.served(names());
    await harness.register(nodes);
    await gateway.until('ok', NODES);
    await gateway.served(names());
  });

  it('follows at once a registry that starts full', async () => {
    await harness.kill();
    await gateway.until('stale', NODES);
    harness.proxy.set('cut');
    await harness.restart();
    await harness.register([...nodes, flapping.node]);
    harness.proxy.set('none');
    await gateway.until('ok', NODES + 1);
    await gateway.served([...names(), 'flapping']);
    await harness.deregister([flapping.node]);
    await gateway.until('ok', NODES);
    await gateway.served(names());
  });

  it('has answered every request', (test) => {
    test.diagnostic(`${gateway.requests} requests`);
    assert.ok(gateway.requests > 1000);
  });
}

const FAULTS = {
  error: 'the registry answers 500',
  garbage: 'the registry answers garbage',
  cut: 'every connection to the registry is cut',
};

function seconds(from: number, to = performance.now()): string {
  return `${((to - from) / 1000).toFixed(1)} s`;
}
