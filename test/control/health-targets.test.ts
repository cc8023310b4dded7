import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import { defineResources, type UpstreamDefinition } from '../../src/control/definitions.ts';
import { HealthTargets } from '../../src/control/health-targets.ts';
import type { PlannedNode, PlannedUpstream } from '../../src/upstream/plan.ts';
import { plainUpstream, plannedNode } from '../support/planned.ts';

function planned(port: number): PlannedNode {
  return plannedNode(port, { host: '10.0.0.1', port });
}

function plan(upstreams: Readonly<Record<string, readonly PlannedNode[]>>): ReadonlyMap<string, PlannedUpstream> {
  return new Map(Object.entries(upstreams).map(([id, nodes]) => [id, { id, slot: 0, ...plainUpstream, nodes }]));
}

/** `web` and `api` want checks, `plain` does not. */
function definitions(port?: number): ReadonlyMap<string, UpstreamDefinition> {
  const checks = { active: { type: 'tcp' as const, ...(port === undefined ? {} : { port }) } };
  const nodes = { '10.0.0.1:1': 1 };
  const upstreams = [
    { id: 'web', nodes, checks },
    { id: 'api', nodes, checks },
    { id: 'plain', nodes },
  ];
  return defineResources(documentFrom({ upstreams })).upstreams;
}

describe('HealthTargets', () => {
  let targets: HealthTargets;
  const defined = definitions();
  const [one, two, three] = [planned(1), planned(2), planned(3)];
  const keys = (list: ReturnType<HealthTargets['of']>) => list?.map(({ key }) => key);

  beforeEach(() => {
    targets = new HealthTargets();
  });

  it('has the nodes of upstreams that want checks', () => {
    const list = targets.of(plan({ web: [one, two], plain: [three], unknown: [three] }), defined);
    assert.deepEqual(keys(list), ['web|10.0.0.1:1', 'web|10.0.0.1:2']);
    assert.deepEqual(list?.[0]?.address, { host: '10.0.0.1', port: 1 });
  });

  it('says that nothing is to be done when nothing changed for any check', () => {
    const web = [one, two];
    targets.of(plan({ web, plain: [three] }), defined);
    assert.equal(targets.of(plan({ web, plain: [two] }), defined), null);
  });

  it('follows what comes and goes, and leaves the others as they are', () => {
    const api = [three];
    const before = targets.of(plan({ web: [one, two], api }), defined);
    const after = targets.of(plan({ web: [two, three], api }), defined);
    assert.deepEqual(keys(after), ['web|10.0.0.1:2', 'web|10.0.0.1:3', 'api|10.0.0.1:3']);
    assert.equal(after?.[0], before?.[1]);
    assert.equal(after?.[2], before?.[2]);
    assert.deepEqual(keys(targets.of(plan({ api }), defined)), ['api|10.0.0.1:3']);
    assert.deepEqual(keys(targets.of(plan({}), defined)), []);
  });

  it('makes all targets of an upstream anew when its checks change', () => {
    const web = [one];
    targets.of(plan({ web }), defined);
    assert.deepEqual(
      targets.of(plan({ web }), definitions(9))?.map(({ address }) => address.port),
      [9],
    );
  });
});
