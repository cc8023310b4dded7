import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DnsDiscovery } from '../../src/discovery/dns.ts';
import type { DnsOptions } from '../../src/discovery/dns-options.ts';
import { AdapterBed } from '../support/adapter-bed.ts';
import { DEFAULT_DNS } from '../support/discovery-defaults.ts';
import { settle } from '../support/fake-clock.ts';
import { type AskedDns, a, NXDOMAIN, ScriptedDns, SERVFAIL, soa, srv } from '../support/scripted-dns.ts';
import { RecordingSink } from '../support/sink.ts';

describe('the DNS adapter', { timeout: 30_000 }, () => {
  let bed: AdapterBed<ScriptedDns>;
  let other: ScriptedDns;
  /** Says that a watched file changed. */
  let fileChanged: () => void;
  let watching: number;

  beforeEach(async () => {
    bed = new AdapterBed(await ScriptedDns.start());
    other = await ScriptedDns.start();
    watching = 0;
  });
  afterEach(async () => {
    await bed.close();
    await other.close();
    assert.equal(watching, 0);
  });

  function watch(service: string, options: Partial<DnsOptions> = {}): void {
    const settings = { ...DEFAULT_DNS, servers: [bed.server.address], ...options };
    bed.adapter = new DnsDiscovery(settings, bed.tools, bed.log, (_, onChange) => {
      watching += 1;
      fileChanged = onChange;
      return { close: () => Promise.resolve(void (watching -= 1)) };
    });
    bed.watch({ source: 'dns', service, args: {} });
  }

  const hosts = async () => (await bed.sink.nextSet()).map(({ host, port }) => `${host}:${port}`);
  const serve = (...addresses: string[]) => {
    bed.server.answer = ({ name }) => ({ answers: addresses.map((each) => a(name, each, 7)) });
  };

  /** Nothing is asked for a moment less than `ms`, and then it is. */
  async function nextQuestionAfter(ms: number): Promise<AskedDns> {
    await settle();
    const before = bed.server.asked.length;
    await bed.clock.run(ms - 1);
    assert.equal(bed.server.asked.length, before, `asked before ${ms} ms were over`);
    const next = bed.server.questions.next();
    await bed.clock.run(1);
    return next;
  }

  it('asks again when the TTL is over, and tells what it is told', async () => {
    serve('10.0.0.1', '10.0.0.2');
    watch('web.example:8080');
    assert.deepEqual(await hosts(), ['10.0.0.1:8080', '10.0.0.2:8080']);
    await bed.server.questions.next();
    serve('10.0.0.2');
    await nextQuestionAfter(7_000);
    assert.deepEqual(await hosts(), ['10.0.0.2:8080']);
    await nextQuestionAfter(7_000);
    assert.deepEqual(await hosts(), ['10.0.0.2:8080']);
  });

  it('keeps the TTL within its bounds', async () => {
    for (const [ttl, wait] of [
      [0, 2_000],
      [2 ** 31, 2_000],
      [86_400, 30_000],
    ] as const) {
      bed.sink = new RecordingSink();
      bed.abort = new AbortController();
      bed.server.answer = ({ name }) => ({ answers: [a(name, '10.0.0.1', ttl)] });
      watch('web.example:80', { minTtl: 2_000, maxTtl: 30_000 });
      await hosts();
      bed.server.questions.drain();
      await nextQuestionAfter(wait);
      await hosts();
      bed.abort.abort();
      await bed.ended();
      bed.server.questions.drain();
    }
  });

  it('keeps the nodes of a name that is gone for as long as it was told, then takes them away for certain', async () => {
    serve('10.0.0.1');
    watch('web.example:80');
    await hosts();
    bed.server.answer = () => ({ rcode: NXDOMAIN, authorities: [soa('example', 300, 11)] });
    await bed.server.questions.next();
    await nextQuestionAfter(7_000);
    const gone = await bed.sink.nextFailure();
    assert.equal(gone.code, 'DNS_NXDOMAIN');
    assert.match(gone.message, /^there is no name web\.example:80; the nodes are kept until \S+Z$/);
    for (let round = 0; round < 2; round++) {
      await nextQuestionAfter(11_000);
      assert.equal((await bed.sink.nextFailure()).code, 'DNS_NXDOMAIN');
    }
    await bed.clock.run(8_000);
    const told = await bed.sink.told.next();
    assert.deepEqual(told, { kind: 'set', members: [], doubt: null });
    serve('10.0.0.1');
    await bed.clock.run(3_000);
    assert.deepEqual(await hosts(), ['10.0.0.1:80']);
  });

  it('takes "no such records" for no nodes, unless told otherwise', async () => {
    bed.server.answer = () => ({ authorities: [soa('example', 5, 5)] });
    watch('web.example:80');
    assert.deepEqual(await hosts(), []);
    assert.deepEqual(bed.server.names, ['web.example A', 'web.example AAAA']);
  });

  it('says that nobody can say, and asks again with growing pauses', async () => {
    serve('10.0.0.1');
    watch('web.example:80', { attempts: 1 });
    await hosts();
    bed.server.answer = () => ({ rcode: SERVFAIL });
    await bed.server.questions.next();
    await nextQuestionAfter(7_000);
    assert.match((await bed.sink.nextFailure()).message, /answered SERVFAIL; the nodes are kept$/);
    serve('10.0.0.1', '10.0.0.2');
    await bed.clock.run(1_000);
    assert.equal((await bed.sink.nextSet()).length, 2);
  });

  it('drops the nodes when nobody answers, where it was told to', async () => {
    bed.server.answer = () => null;
    watch('web.example:80', { attempts: 1, hold: { ...DEFAULT_DNS.hold, timeout: 'drop' } });
    await bed.server.questions.next();
    await bed.clock.run(2_000);
    assert.deepEqual(await hosts(), []);
  });

  it('casts doubt on an answer of another server', async () => {
    serve('10.0.0.1', '10.0.0.2');
    other.answer = ({ name }) => ({ answers: [a(name, '10.0.0.1')] });
    watch('web.example:80', { servers: [bed.server.address, other.address] });
    await hosts();
    bed.server.answer = () => ({ rcode: SERVFAIL });
    await bed.clock.run(7_000);
    const told = await bed.sink.told.next();
    assert.equal(told.kind === 'set' && told.doubt, 'the questions went over to another server');
  });

  it('reports once which targets of SRV records it leaves out', async () => {
    bed.server.answer = ({ name, type }) => {
      if (type === 'SRV') return { answers: [srv(name, 'a.example', 81), srv(name, 'b.example', 82)] };
      return name === 'a.example' ? { answers: [a(name, '10.0.0.1')] } : { rcode: SERVFAIL };
    };
    watch('_http._tcp.web.example', { attempts: 1 });
    assert.deepEqual(await hosts(), ['10.0.0.1:81']);
    await bed.clock.run(1_000);
    assert.deepEqual(await hosts(), ['10.0.0.1:81']);
    assert.deepEqual(bed.log.names, ['discovery.unusable-instance']);
    assert.match(bed.log.events[0]!.message, /left out: no server can say what b\.example A is/);
  });

  it('refuses what it can not ask for, and asks nothing', async () => {
    watch('10.0.0.1:80');
    assert.match((await bed.sink.nextFailure()).message, /is an address: write it under nodes/);
    await bed.clock.run(60_000);
    assert.equal(bed.server.asked.length, 0);
  });

  it('follows resolv.conf: search domains, and every service at once when it changes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headgate-dns-'));
    const file = join(directory, 'resolv.conf');
    writeFileSync(file, 'search one.example\n');
    bed.server.answer = ({ name }) =>
      name.startsWith('web.') ? { answers: [a(name, '10.0.0.1', 60)] } : { rcode: NXDOMAIN };
    try {
      watch('web:80', { resolvConf: file });
      await hosts();
      writeFileSync(file, 'search two.example three.example\noptions ndots:2\n');
      fileChanged();
      await hosts();
      rmSync(file);
      fileChanged();
      await settle();
      assert.deepEqual(bed.server.names, ['web.one.example A', 'web.two.example A']);
      assert.deepEqual(bed.log.names, ['discovery.resolv-conf']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('says so when resolv.conf names no server', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headgate-dns-'));
    const file = join(directory, 'resolv.conf');
    try {
      writeFileSync(file, 'search one.example\n');
      watch('web:80', { servers: null, resolvConf: file });
      assert.match((await bed.sink.nextFailure()).message, /there is no DNS server to ask/);
      assert.match(bed.log.events[0]!.message, /it names no nameserver/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
