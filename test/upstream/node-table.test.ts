import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  allocateNodeTable,
  DEMOTION_MS,
  Health,
  NODE_CAPACITY,
  NodeTable,
  type NodeTableMemory,
} from '../../src/upstream/node-table.ts';
import type { TableWork } from './table-worker.ts';

const SLOTS = 5;
const slots = Array.from({ length: SLOTS }, (_, slot) => slot);

function startWorker(memory: NodeTableMemory, worker: number, hang: boolean): Worker {
  const workerData: TableWork = { memory, worker, slots: SLOTS, rounds: 50_000, hang };
  return new Worker(new URL('./table-worker.ts', import.meta.url), { workerData });
}

describe('node table: one thread', () => {
  it('starts blank', () => {
    const table = new NodeTable(allocateNodeTable(1, 5000), 0);
    for (const slot of [0, NODE_CAPACITY - 1]) {
      assert.deepEqual(
        [table.health(slot), table.inflight(slot), table.latency(slot), table.demotedUntil(slot), table.failedAt(slot)],
        [Health.unknown, 0, 0, 0, 0],
      );
    }
  });

  it('keeps the cells of neighbours apart', () => {
    const table = new NodeTable(allocateNodeTable(2, 1000), 0);
    const facts = (slot: number) => [
      table.health(slot),
      table.inflight(slot),
      table.ownInflight(slot),
      table.latency(slot),
      table.demotedUntil(slot),
      table.failedAt(slot),
    ];
    for (const slot of [6, 8]) {
      table.setHealth(slot, Health.healthy);
      table.begin(slot);
      table.observeLatency(slot, 300);
      table.connectFailed(slot, 2000);
    }
    const expected = facts(6);
    table.begin(7);
    table.begin(7);
    table.setHealth(7, Health.unhealthy);
    table.observeLatency(7, 77);
    table.connectFailed(7, 9000.5);
    assert.deepEqual(facts(6), expected);
    assert.deepEqual(facts(8), expected);
    assert.deepEqual(facts(7), [Health.unhealthy, 2, 2, 77, 9000.5 + DEMOTION_MS, 9000.5]);
    table.clear(7);
    assert.deepEqual(facts(7), [Health.unknown, 0, 0, 0, 0, 0]);
    assert.deepEqual(facts(6), expected);
    assert.deepEqual(facts(8), expected);
  });

  it('clears the share of every worker', () => {
    const memory = allocateNodeTable(2, 0);
    new NodeTable(memory, 1).begin(3);
    const control = new NodeTable(memory, null);
    control.clear(3);
    assert.equal(control.reclaim(1, slots), 0);
    assert.equal(control.inflight(3), 0);
  });

  it('demotes for a second, also after a year of uptime', () => {
    const epoch = 123_456.75;
    const table = new NodeTable(allocateNodeTable(1, epoch), 0);
    for (const days of [1, 24, 25, 49, 50, 366]) {
      const now = epoch + days * 86_400_000;
      table.connectFailed(1, now);
      assert.equal(table.demotedUntil(1), now + DEMOTION_MS, `after ${days} days`);
      assert.equal(table.failedAt(1), now);
    }
  });

  it('smooths latency by an eighth, and never back to "not measured"', () => {
    const table = new NodeTable(allocateNodeTable(1, 0), 0);
    table.observeLatency(0, 800);
    assert.equal(table.latency(0), 800);
    table.observeLatency(0, 1600);
    assert.equal(table.latency(0), 900);
    for (let sample = 0; sample < 200; sample++) table.observeLatency(0, 1);
    assert.ok(table.latency(0) >= 1 && table.latency(0) < 10);
    table.observeLatency(1, 0.2);
    assert.equal(table.latency(1), 1);
    for (let sample = 0; sample < 200; sample++) table.observeLatency(1, 1e12);
    assert.equal(table.latency(1), 0x7fffffff);
  });

  it('counts versions for each upstream', () => {
    const memory = allocateNodeTable(1, 0);
    const [writer, reader] = [new NodeTable(memory, 0), new NodeTable(memory, null)];
    writer.bump(4);
    writer.bump(4);
    writer.bump(5);
    assert.deepEqual(
      [3, 4, 5, 6].map((slot) => reader.version(slot)),
      [0, 2, 1, 0],
    );
  });
});

describe('node table: many threads', () => {
  it('counts back to zero when all have ended what they began', async () => {
    const memory = allocateNodeTable(4, 0);
    const control = new NodeTable(memory, null);
    const workers = [0, 1, 2, 3].map((worker) => startWorker(memory, worker, false));
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    assert.deepEqual(
      slots.map((slot) => control.inflight(slot)),
      [0, 0, 0, 0, 0],
    );
    for (const worker of [0, 1, 2, 3]) assert.equal(control.reclaim(worker, slots), 0);
    for (const slot of slots) assert.ok(control.latency(slot) >= 100 && control.latency(slot) < 1100);
  });

  it('takes back what a terminated worker had under way, and nothing of the others', async () => {
    const memory = allocateNodeTable(2, 0);
    const control = new NodeTable(memory, null);
    const survivor = new NodeTable(memory, 1);
    const worker = startWorker(memory, 0, true);
    for (const slot of slots) survivor.begin(slot);
    const [left] = (await once(worker, 'message')) as [number];
    await worker.terminate();
    const sum = () => slots.reduce((total, slot) => total + control.inflight(slot), 0);
    assert.ok(left > 0);
    assert.equal(sum(), left + SLOTS);
    assert.equal(control.reclaim(0, slots), left);
    assert.deepEqual(
      slots.map((slot) => control.inflight(slot)),
      [1, 1, 1, 1, 1],
    );
    assert.equal(control.reclaim(0, slots), 0);
    for (const slot of slots) survivor.end(slot);
    assert.equal(sum(), 0);
  });

  it('counts right when a worker is killed in the middle of its work', async () => {
    const memory = allocateNodeTable(1, 0);
    const control = new NodeTable(memory, null);
    const workerData: TableWork = { memory, worker: 0, slots: SLOTS, rounds: 1e9, hang: true };
    const worker = new Worker(new URL('./table-worker.ts', import.meta.url), { workerData });
    while (slots.every((slot) => control.latency(slot) === 0)) await new Promise((resolve) => setImmediate(resolve));
    await worker.terminate();
    control.reclaim(0, slots);
    assert.deepEqual(
      slots.map((slot) => control.inflight(slot)),
      [0, 0, 0, 0, 0],
    );
  });

  it('ignores a worker that it does not know', () => {
    assert.equal(new NodeTable(allocateNodeTable(1, 0), null).reclaim(7, slots), 0);
  });
});
