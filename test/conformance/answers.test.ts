import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bench, places, textOf, withBench } from './bench.ts';
import { KINDS } from './kinds.ts';
import type { Place, RegistryKind } from './registry.ts';

const [A, B, C] = places(3) as [Place, Place, Place];

for (const kind of KINDS) {
  describe(`the contract of discovery: what ${kind.type} answers`, { timeout: 120_000 }, () => {
    const state = (title: string, body: (bench: Bench) => Promise<void>) => it(title, () => withBench(kind, body));

    state('tells whole sets, over add, remove and add again', async (bench) => {
      await bench.follow(A);
      for (const registered of [[A, B], [B], [A, B], [A], [A, B, C], [C]]) {
        bench.put(registered);
        await bench.known(registered);
      }
      assert.deepEqual(bench.failures, []);
    });

    state('takes a service without nodes for an answer, not for a failure', async (bench) => {
      await bench.follow(A, B);
      bench.put([]);
      await bench.known([]);
      bench.put([A]);
      await bench.known([A]);
      assert.deepEqual(bench.failures, []);
    });

    state('tells a service that is not there from a registry that fails', async (bench) => {
      await bench.follow(A);
      bench.remove();
      await bench.until('the node is gone', () => bench.set.nodes.length === 0);
      const { absence } = bench.registry;
      assert.deepEqual([...new Set(bench.failures)], absence === null ? [] : [absence]);
      bench.put([A]);
      await bench.known([A]);
    });

    state('begins with no service there, and sees it come', async (bench) => {
      bench.remove();
      bench.sets.want([bench.query]);
      await bench.until('something is told', () => bench.told.length > 0);
      assert.equal(bench.set.nodes.length, 0);
      bench.put([A]);
      await bench.known([A]);
    });

    state('keeps one order, and each node once, in whatever order and however often they are listed', async (bench) => {
      await bench.follow(A, B, C);
      const { version, nodes } = bench.set;
      for (const registered of [
        [C, A, B],
        [B, A, C, A],
        [A, B, C],
      ]) {
        bench.put(registered);
        await bench.pass(6_000);
        assert.equal(bench.set.version, version);
        assert.equal(bench.set.nodes, nodes);
      }
      assert.deepEqual(bench.failures, []);
    });

    state('tells nodes of one host with different ports apart', async (bench) => {
      const other = { host: A.host, port: 81 };
      await bench.follow(A, other);
      bench.put([other]);
      await bench.known([other]);
    });

    state('takes as many nodes as the registry can list', async (bench) => {
      const many = places(bench.registry.capacity);
      await bench.follow(...many);
      bench.put(many.slice(1));
      await bench.known(many.slice(1));
      assert.deepEqual(bench.failures, []);
    });

    state('arrives at the last of a hundred changes in a row, and asks no more often than it may', async (bench) => {
      await bench.follow(A);
      const [asked, since] = [bench.registry.questions, bench.clock.now()];
      for (let change = 0; change < 100; change++) {
        bench.put(places(1 + (change % 3), 10));
        await bench.pass(1);
      }
      bench.put([B]);
      await bench.known([B]);
      const [questions, took] = [bench.registry.questions - asked, bench.clock.now() - since];
      assert.ok(questions <= 21 + took / 100, `${questions} questions in ${took} ms`);
      assert.deepEqual(bench.failures, []);
    });

    state('refuses arguments that it does not know, once, and waits for its end', async (bench) => {
      const query = { ...bench.query, args: { flavour: 'sweet' } };
      bench.sets.want([query]);
      await bench.until('a failure is told', () => bench.failures.length > 0);
      await bench.pass(20_000);
      assert.deepEqual(bench.failures, ['CONFIG_INVALID']);
      assert.match(bench.sets.get(query)?.reason ?? '', /flavour/);
      assert.equal(bench.registry.questions, 0);
    });

    flawStatements(kind, state);
  });
}

type State = (title: string, body: (bench: Bench) => Promise<void>) => void;

/** One bad entry must not keep the others from being followed. */
function flawStatements(kind: RegistryKind, state: State): void {
  for (const flaw of kind.flaws.filter((each) => each !== 'weight')) {
    state(`leaves out a node with a bad ${flaw}, says so, and keeps the rest`, async (bench) => {
      await bench.follow(A);
      bench.put([A, B], flaw);
      await bench.known([A, B]);
      assert.deepEqual(bench.failures, []);
      assert.equal(reports(bench).length, 1, bench.log.names.join());
      assert.match(reports(bench)[0]!.message, new RegExp(`^${kind.type} .*left out: \\S`));
      bench.put([A]);
      await bench.known([A]);
    });

    state(`keeps what it knows when the only node has a bad ${flaw}`, async (bench) => {
      await bench.follow(A);
      bench.put([], flaw);
      await bench.failed();
      assert.equal(textOf(bench.set.nodes), textOf([A]));
      bench.put([B]);
      await bench.known([B]);
    });
  }

  if (!kind.flaws.includes('weight')) return;
  state('gives a node with a bad weight the default one, or leaves it out and says so', async (bench) => {
    const odd = { host: '10.9.9.9', port: 1 };
    bench.allow([A, B, odd]);
    await bench.follow(A);
    bench.put([A, B], 'weight');
    await bench.until('the others are known', () => bench.set.state === 'ok' && bench.set.nodes.length > 1);
    const kept = bench.set.nodes.find(({ host }) => host === odd.host);
    const [ordinary] = bench.set.nodes;
    if (kept) assert.equal(kept.weight, ordinary?.weight);
    else assert.equal(reports(bench).length, 1);
    assert.deepEqual(bench.failures, []);
  });
}

function reports(bench: Bench) {
  return bench.log.events.filter(({ event }) => event === 'discovery.unusable-instance');
}
