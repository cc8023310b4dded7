import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeadgateError } from '../../src/core/errors.ts';
import { type Ask, lookUp } from '../../src/discovery/dns-lookup.ts';
import type { DnsRecord, DnsReply } from '../../src/discovery/dns-message.ts';
import { dnsService, type LookupType } from '../../src/discovery/dns-options.ts';
import { DnsResolver, type Resolution } from '../../src/discovery/dns-resolve.ts';
import { QueryFault } from '../../src/discovery/query-fault.ts';
import type { ResolverSettings } from '../../src/discovery/resolv-conf.ts';

type Zone = Record<string, Partial<DnsReply> | Error>;

/** Answers from a table by `name TYPE`; what is not in it does not exist. */
class Scripted {
  readonly asked: string[] = [];
  readonly zone: Zone;
  readonly ask: Ask = ({ name, type }) => {
    const key = `${name} ${type}`;
    this.asked.push(key);
    const found = this.zone[key] ?? { rcode: 'NXDOMAIN', authorities: [soa(9)] };
    if (found instanceof Error) return Promise.reject(found);
    const nothing = { truncated: false, referral: false, answers: [], authorities: [], additionals: [] };
    return Promise.resolve({ rcode: 'NOERROR', ...nothing, ...found });
  };

  constructor(zone: Zone) {
    this.zone = zone;
  }
}

const deaf = new HeadgateError('nobody answers', { code: 'DNS_TIMEOUT', source: 'upstream' });

function a(name: string, address: string, ttl = 60): DnsRecord {
  return { name, type: 'A', ttl, address };
}

function aaaa(name: string, address: string, ttl = 60): DnsRecord {
  return { name, type: 'AAAA', ttl, address };
}

function cname(name: string, target: string, ttl = 60): DnsRecord {
  return { name, type: 'CNAME', ttl, target };
}

function srv(target: string, port = 80, ttl = 60): DnsRecord {
  return { name: '_http._tcp.web', type: 'SRV', ttl, target, port, priority: 0, weight: 1 };
}

function soa(ttl: number): DnsRecord {
  return { name: 'example', type: 'SOA', ttl };
}

describe('lookUp', () => {
  it('takes the least TTL over the aliases and the records', async () => {
    const { ask } = new Scripted({
      'web A': { answers: [cname('web', 'b', 10), a('b', '1.1.1.1', 86_400), cname('unrelated', 'x', 1)] },
    });
    const found = await lookUp('Web', 'A', ask);
    assert.deepEqual(found, { kind: 'found', records: [a('b', '1.1.1.1', 86_400)], ttl: 10, additionals: [] });
  });

  it('asks on where the server did not follow an alias', async () => {
    const dns = new Scripted({
      'web A': { answers: [cname('web', 'b', 30)] },
      'b A': { answers: [cname('b', 'c', 20)] },
      'c A': { answers: [a('c', '1.1.1.1', 40)] },
    });
    assert.equal((await lookUp('web', 'A', dns.ask)).ttl, 20);
    assert.deepEqual(dns.asked, ['web A', 'b A', 'c A']);
  });

  it('takes the SOA beside an alias for "the target has no such records"', async () => {
    const dns = new Scripted({ 'web AAAA': { answers: [cname('web', 'b', 30)], authorities: [soa(7)] } });
    assert.deepEqual(await lookUp('web', 'AAAA', dns.ask), { kind: 'empty', ttl: 7 });
    assert.equal(dns.asked.length, 1);
  });

  it('tells "no such name" from "no such records", with the TTL of the SOA', async () => {
    const { ask } = new Scripted({ 'web A': {} });
    assert.deepEqual(await lookUp('none', 'A', ask), { kind: 'nxdomain', ttl: 9 });
    assert.deepEqual(await lookUp('web', 'A', ask), { kind: 'empty', ttl: 0 });
  });

  it('gives up on aliases in a circle, and on too many', async () => {
    const circle = new Scripted({ 'a A': { answers: [cname('a', 'b'), cname('b', 'a')] } });
    await assert.rejects(lookUp('a', 'A', circle.ask), /the aliases of a do not end/);
    const chain: Zone = {};
    for (let link = 0; link < 20; link++) chain[`n${link} A`] = { answers: [cname(`n${link}`, `n${link + 1}`)] };
    const long = new Scripted(chain);
    await assert.rejects(lookUp('n0', 'A', long.ask), { code: 'DNS_ANSWER' });
    assert.equal(long.asked.length, 9);
    const enough = new Scripted({ ...chain, 'n8 A': { answers: [a('n8', '1.1.1.1')] } });
    assert.equal((await lookUp('n0', 'A', enough.ask)).kind, 'found');
  });
});

const ALONE: ResolverSettings = { servers: [], search: [], ndots: 1 };

function resolver(service: string, order: readonly LookupType[] = ['SRV', 'A', 'AAAA']): DnsResolver {
  const parsed = dnsService({ source: 'dns', service, args: {} });
  assert.ok(!(parsed instanceof QueryFault));
  return new DnsResolver(parsed, order);
}

function places(resolution: Resolution): string[] | string {
  if (resolution.kind !== 'nodes') return resolution.kind;
  return resolution.nodes.map(({ host, port }) => `${host} ${port}`);
}

describe('the resolver of a service', () => {
  it('makes nodes of the first type of address that has records', async () => {
    const both = new Scripted({
      'web A': { answers: [a('web', '1.1.1.1'), a('web', '1.1.1.2'), a('web', '1.1.1.1'), a('web', '0.0.0.0')] },
      'web AAAA': { answers: [aaaa('web', '::1')] },
    });
    assert.deepEqual(places(await resolver('web:81').resolve(ALONE, both.ask)), ['1.1.1.1 81', '1.1.1.2 81']);
    assert.deepEqual(places(await resolver('web:81', ['AAAA', 'A']).resolve(ALONE, both.ask)), ['::1 81']);
    const six = new Scripted({ 'web A': { authorities: [soa(3)] }, 'web AAAA': { answers: [aaaa('web', '::1', 50)] } });
    const resolution = await resolver('web:81').resolve(ALONE, six.ask);
    assert.deepEqual([places(resolution), resolution.ttl], [['::1 81'], 50]);
  });

  it('asks for SRV first where there is no port, and takes 80 for addresses', async () => {
    const dns = new Scripted({ 'web SRV': {}, 'web A': { answers: [a('web', '1.1.1.1')] } });
    assert.deepEqual(places(await resolver('web').resolve(ALONE, dns.ask)), ['1.1.1.1 80']);
    assert.deepEqual(dns.asked, ['web SRV', 'web A']);
  });

  it('asks no other type for a name that does not exist', async () => {
    const dns = new Scripted({});
    assert.deepEqual(await resolver('web').resolve(ALONE, dns.ask), { kind: 'nxdomain', ttl: 9 });
    assert.deepEqual(dns.asked, ['web SRV']);
  });

  it('takes the addresses of targets from the additional section, each once, and asks for the others', async () => {
    const dns = new Scripted({
      '_http._tcp.web SRV': {
        answers: [srv('a', 9001, 50), srv('b', 9002), srv('a', 9003), srv('')],
        additionals: [a('a', '1.1.1.1', 40), a('a', '1.1.1.1', 40), a('c', '6.6.6.6'), aaaa('b', '::6')],
      },
      'b A': { answers: [cname('b', 'bb', 30), a('bb', '2.2.2.2')] },
    });
    const resolution = await resolver('_http._tcp.web').resolve(ALONE, dns.ask);
    assert.deepEqual(places(resolution), ['1.1.1.1 9001', '2.2.2.2 9002', '1.1.1.1 9003']);
    assert.equal(resolution.ttl, 30);
    assert.deepEqual(dns.asked, ['_http._tcp.web SRV', 'b A']);
  });

  it('knows a target again that can not be asked for now, and leaves out one that it never knew', async () => {
    const answers = [srv('a', 9001), srv('b', 9002)];
    const dns = new Scripted({
      '_http._tcp.web SRV': { answers },
      'a A': { answers: [a('a', '1.1.1.1')] },
      'b A': deaf,
    });
    const web = resolver('_http._tcp.web');
    const first = await web.resolve(ALONE, dns.ask);
    assert.deepEqual(places(first), ['1.1.1.1 9001']);
    assert.deepEqual(first.kind === 'nodes' && first.missing, ['nobody answers']);
    assert.equal(first.ttl, 0);
    dns.zone['a A'] = deaf;
    dns.zone['b A'] = { answers: [a('b', '2.2.2.2')] };
    assert.deepEqual(places(await web.resolve(ALONE, dns.ask)), ['1.1.1.1 9001', '2.2.2.2 9002']);
    await assert.rejects(
      resolver('_http._tcp.web').resolve(ALONE, new Scripted({ ...dns.zone, 'b A': deaf }).ask),
      /nobody answers/,
    );
  });

  it('takes targets that do not exist for no nodes', async () => {
    const dns = new Scripted({ '_http._tcp.web SRV': { answers: [srv('gone')] } });
    assert.deepEqual(await resolver('_http._tcp.web').resolve(ALONE, dns.ask), { kind: 'empty', ttl: 9 });
    const none = new Scripted({ '_http._tcp.web SRV': { answers: [srv('', 80, 33)] } });
    assert.deepEqual(await resolver('_http._tcp.web').resolve(ALONE, none.ask), { kind: 'empty', ttl: 33 });
  });

  it('tries the search domains in turn, and stops where one can not be looked up', async () => {
    const settings = { servers: [], search: ['ns.svc', 'svc'], ndots: 5 };
    const dns = new Scripted({ 'web.svc A': { answers: [a('web.svc', '1.1.1.1')] } });
    assert.deepEqual(places(await resolver('web:80').resolve(settings, dns.ask)), ['1.1.1.1 80']);
    assert.deepEqual(dns.asked, ['web.ns.svc A', 'web.svc A']);
    dns.zone['web.ns.svc A'] = deaf;
    await assert.rejects(resolver('web:80').resolve(settings, dns.ask), /nobody answers/);
    const nowhere = new Scripted({ 'web.svc A': { authorities: [soa(4)] } });
    assert.deepEqual(await resolver('web:80', ['A']).resolve(settings, nowhere.ask), { kind: 'empty', ttl: 4 });
  });
});
