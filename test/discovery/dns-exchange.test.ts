import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Address } from '../../src/core/address.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { DnsExchange, failedOutcome } from '../../src/discovery/dns-exchange.ts';
import type { DnsReply } from '../../src/discovery/dns-message.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { freePorts } from '../support/free-port.ts';
import { a, NXDOMAIN, ns, REFUSED, ScriptedDns, SERVFAIL, soa } from '../support/scripted-dns.ts';

const QUESTION = { name: 'web.example', type: 'A' } as const;

function addresses(reply: DnsReply): string[] {
  return reply.answers.flatMap((record) => ('address' in record ? [record.address] : []));
}

async function failure(promise: Promise<unknown>): Promise<HeadgateError> {
  const error = await promise.then(
    () => assert.fail('there was an answer'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HeadgateError, String(error));
  return error;
}

describe('asking DNS servers', { timeout: 30_000 }, () => {
  let clock: FakeClock;
  let first: ScriptedDns;
  let second: ScriptedDns;
  let abort: AbortController;

  beforeEach(async () => {
    clock = new FakeClock();
    first = await ScriptedDns.start();
    second = await ScriptedDns.start();
    abort = new AbortController();
    first.answer = ({ name }) => ({ answers: [a(name, '10.0.0.1')] });
    second.answer = ({ name }) => ({ answers: [a(name, '10.0.0.2')] });
  });
  afterEach(async () => {
    abort.abort();
    await first.close();
    await second.close();
  });

  function exchange(servers: readonly Address[] = [first.address, second.address], attempts = 2): DnsExchange {
    return new DnsExchange({ clock, timeout: 2_000, attempts, servers: () => servers });
  }

  const ask = (dns: DnsExchange) => dns.ask(QUESTION, abort.signal);

  it('asks by UDP with EDNS, each time with another id and from another port', async () => {
    const dns = exchange();
    for (let round = 0; round < 8; round++) assert.deepEqual(addresses(await ask(dns)), ['10.0.0.1']);
    assert.ok(first.asked.every(({ transport, edns }) => transport === 'udp' && edns));
    assert.ok(new Set(first.asked.map(({ id }) => id)).size >= 7);
    assert.ok(new Set(first.asked.map(({ from }) => from)).size >= 7);
    assert.equal(second.asked.length, 0);
  });

  it('asks again by TCP when the answer was cut short, and never uses a part of it', async () => {
    first.answer = ({ name, transport }) =>
      transport === 'udp'
        ? { answers: [a(name, '10.0.0.1')], truncated: true }
        : { answers: Array.from({ length: 2_000 }, (_, index) => a(name, `10.1.${index >> 8}.${index & 255}`)) };
    assert.equal(addresses(await ask(exchange())).length, 2_000);
    assert.deepEqual(
      first.asked.map(({ transport }) => transport),
      ['udp', 'tcp'],
    );
    first.answer = ({ name }) => ({ answers: [a(name, '10.0.0.1')], truncated: true });
    assert.deepEqual(addresses(await ask(exchange())), ['10.0.0.2']);
  });

  it('passes over what does not answer the question, and takes the answer that comes then', async () => {
    first.answer = ({ id, name }) => [
      { id: id ^ 1, answers: [a(name, '6.6.6.1')] },
      { name: 'other.example', answers: [a(name, '6.6.6.2')] },
      { bare: true, answers: [a(name, '6.6.6.3')] },
      new Uint8Array([1, 2, 3]),
      { name: 'WEB.example', answers: [a('wEb.EXAMPLE', '10.0.0.1')] },
    ];
    const reply = await ask(exchange());
    assert.deepEqual(addresses(reply), ['10.0.0.1']);
    assert.equal(reply.answers[0]?.name, 'web.example');
  });

  it('goes over to the next server for everything that is no answer, and stays with the one that answers', async () => {
    const cases: [string, ScriptedDns['answer']][] = [
      ['SERVFAIL', () => ({ rcode: SERVFAIL })],
      ['REFUSED', () => ({ rcode: REFUSED })],
      ['a referral', () => ({ lame: true, authorities: [ns('example', 'ns.example')] })],
      ['garbage', ({ id }) => new Uint8Array([id >> 8, id & 255, 0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 63])],
    ];
    for (const [what, answer] of cases) {
      first.answer = answer;
      const dns = exchange();
      assert.deepEqual(addresses(await ask(dns)), ['10.0.0.2'], what);
      const before = first.asked.length;
      await ask(dns);
      assert.equal(first.asked.length, before, `${what}: the first was asked again`);
    }
  });

  it('goes over to the next server when one is silent', async () => {
    first.answer = () => null;
    const answer = ask(exchange());
    await first.questions.next();
    await clock.run(2_000);
    assert.deepEqual(addresses(await answer), ['10.0.0.2']);
  });

  it('goes over to the next server when nothing listens there', async () => {
    const [port] = await freePorts(1);
    assert.deepEqual(addresses(await ask(exchange([{ host: '127.0.0.1', port: port! }, second.address]))), [
      '10.0.0.2',
    ]);
  });

  it('takes NXDOMAIN for an answer', async () => {
    first.answer = () => ({ rcode: NXDOMAIN, authorities: [soa('example', 60, 5)] });
    assert.equal((await ask(exchange())).rcode, 'NXDOMAIN');
    assert.equal(second.asked.length, 0);
  });

  it('says which servers said what, and tells "can not say" from "does not answer"', async () => {
    first.answer = () => ({ rcode: SERVFAIL });
    second.answer = () => null;
    const mixed = failure(ask(exchange([first.address, second.address], 1)));
    await second.questions.next();
    await clock.run(2_000);
    assert.equal(failedOutcome(await mixed), 'servfail');
    assert.match((await mixed).message, /^no server can say what web\.example A is: .*answered SERVFAIL; .*within 2 s/);
    const silent = failure(ask(exchange([second.address], 2)));
    for (let attempt = 0; attempt < 2; attempt++) {
      await second.questions.next();
      await clock.run(2_000);
    }
    assert.equal(failedOutcome(await silent), 'timeout');
    assert.equal(second.asked.length, 3);
  });

  it('asks without EDNS where it is not understood, and remembers that', async () => {
    first.answer = ({ name, edns }) => (edns ? { rcode: 1, bare: true } : { answers: [a(name, '10.0.0.1')] });
    const dns = exchange();
    await ask(dns);
    await ask(dns);
    assert.deepEqual(
      first.asked.map(({ edns }) => edns),
      [true, false, false],
    );
    assert.equal(second.asked.length, 0);
  });

  it('asks no more than 128 questions at once', async () => {
    first.answer = () => null;
    const dns = exchange([first.address]);
    const all = Array.from({ length: 200 }, () => ask(dns).catch(() => 'ended'));
    for (let count = 0; count < 128; count++) await first.questions.next();
    await settle();
    assert.equal(first.asked.length, 128);
    abort.abort();
    assert.equal((await Promise.all(all)).length, 200);
  });

  it('says so when there is no server', async () => {
    const error = await failure(ask(exchange([])));
    assert.match(error.message, /no DNS server to ask: give discovery\.dns\.servers/);
  });

  it('ends at once, and leaves nothing open, when it is told to', async () => {
    first.answer = () => null;
    const asking = ask(exchange()).catch((reason: unknown) => reason);
    await first.questions.next();
    abort.abort(new Error('enough'));
    assert.match(String(await asking), /enough/);
    assert.equal(clock.pending, 0);
  });
});
