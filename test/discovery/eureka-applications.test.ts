import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type EurekaInstance, hashOf, parseApps } from '../../src/discovery/eureka-answer.ts';
import { EurekaApplications } from '../../src/discovery/eureka-applications.ts';
import { eurekaAnswer, eurekaEntry } from '../support/eureka-entries.ts';

function instance(port: number, status: string, updatedAt: number, action = 'ADDED'): EurekaInstance {
  const entry = eurekaEntry(port, { status, actionType: action, lastUpdatedTimestamp: String(updatedAt) });
  return parseApps(eurekaAnswer([entry], '')).instances[0]!;
}

const change = fc.record({
  port: fc.integer({ min: 1, max: 6 }),
  status: fc.constantFrom('UP', 'DOWN', 'STARTING', null),
});

describe('the applications of a Eureka server', () => {
  it('are by deltas what they are by whole answers, however often a delta repeats what is known', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.integer({ min: 1, max: 10 }), (changes, every) => {
        const server = new Map<number, EurekaInstance>();
        const recent: EurekaInstance[] = [];
        const known = new EurekaApplications();
        known.replace({ instances: [], hash: '', version: 1 });
        changes.forEach(({ port, status }, time) => {
          const before = server.get(port);
          if (status !== null) server.set(port, instance(port, status, time, before ? 'MODIFIED' : 'ADDED'));
          else server.delete(port);
          if (status !== null) recent.push(server.get(port)!);
          else if (before) recent.push(instance(port, before.status, time, 'DELETED'));
          if (time % every !== 0) return;
          const hash = hashOf(server.values());
          if (known.apply({ instances: recent, hash, version: time }) === null) {
            known.replace({ instances: [...server.values()], hash, version: time });
            assert.fail('a delta with every change must be enough');
          }
          const ids = [...known.all].map(({ id, status: seen }) => `${id} ${seen}`).sort();
          assert.deepEqual(ids, [...server.values()].map(({ id, status: is }) => `${id} ${is}`).sort());
        });
      }),
    );
  });

  it('are as before after a delta that does not fit', () => {
    const known = new EurekaApplications();
    known.replace({ instances: [instance(1, 'UP', 5)], hash: 'UP_1_', version: 1 });
    const before = known.byApplication;
    assert.equal(known.apply({ instances: [instance(2, 'UP', 6)], hash: 'UP_3_', version: 2 }), null);
    assert.equal(known.byApplication, before);
  });

  it('tell the applications that a delta changes, not those that it only repeats', () => {
    const known = new EurekaApplications();
    const other = { ...instance(2, 'UP', 5), app: 'OTHER' };
    known.replace({ instances: [instance(1, 'UP', 5), other], hash: 'UP_2_', version: 1 });
    const delta = [{ ...other }, instance(1, 'DOWN', 6, 'MODIFIED')];
    const changed = known.apply({ instances: delta, hash: 'DOWN_1_UP_1_', version: 2 });
    assert.deepEqual([...(changed ?? [])], ['WEB']);
    assert.equal(known.byApplication.get('WEB')?.[0]?.status, 'DOWN');
  });

  it('are of a whole and a delta what is newer in either, since the server may keep an outdated one of both', () => {
    const ids = (whole: EurekaInstance[], delta: EurekaInstance[]) => {
      const known = new EurekaApplications();
      known.replace({ instances: whole, hash: '', version: 1 }, { instances: delta, hash: '', version: 2 });
      return [...known.all].map(({ id, status, updatedAt }) => `${id} ${status} ${updatedAt}`).sort();
    };
    const one = instance(1, 'UP', 5);
    const two = instance(2, 'UP', 6);
    // The whole is outdated: one changed, two came, three went.
    const newer = [instance(1, 'DOWN', 7, 'MODIFIED'), instance(2, 'UP', 8), instance(3, 'UP', 9, 'DELETED')];
    assert.deepEqual(ids([one, instance(3, 'UP', 4)], newer), ['web-1 DOWN 7', 'web-2 UP 8']);
    // The delta is outdated: it knows of three, which went before two came, and has an older one.
    const older = [instance(1, 'DOWN', 3), instance(3, 'UP', 4), instance(2, 'UP', 4, 'DELETED')];
    assert.deepEqual(ids([one, two], older), ['web-1 UP 5', 'web-2 UP 6']);
    // A server that tells no times.
    const timeless = [instance(1, 'UP', 0, 'DELETED'), instance(3, 'UP', 0)];
    assert.deepEqual(ids([instance(1, 'UP', 0)], timeless), ['web-1 UP 0']);
  });

  it('are not led back by a delta that is older than what is known', () => {
    const known = new EurekaApplications();
    known.replace({ instances: [instance(1, 'UP', 9)], hash: 'UP_1_', version: 1 });
    const old = [instance(1, 'DOWN', 3), instance(1, 'UP', 4, 'DELETED')];
    assert.equal(known.apply({ instances: old, hash: 'UP_1_', version: 2 })?.size, 0);
    assert.deepEqual(
      [...known.all].map(({ status }) => status),
      ['UP'],
    );
  });
});
