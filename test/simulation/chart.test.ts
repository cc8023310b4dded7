import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chart } from '../../src/simulation/chart.ts';
import type { Scenario } from '../../src/simulation/scenario.ts';
import { play } from './play.ts';
import { parseXml } from './xml.ts';

const SCENARIO: Scenario = {
  name: 'a <b> & "c"\u0000\u0007',
  duration: 4.5,
  rate: 200,
  compare: ['roundrobin', { label: '<ewma & co>', type: 'ewma' }],
  nodes: [{ name: 'web', count: 9 }, { name: 'slow' }],
  events: [{ at: 2, node: 'slow', latency: { median: 100 } }],
};

describe('chart', () => {
  it('is well-formed whatever things are called', async () => {
    const elements = parseXml(chart(SCENARIO, await play(SCENARIO)));
    const texts = elements.flatMap(({ name, text }) => (name === 'text' ? [text] : []));
    assert.equal(elements[0]?.name, 'svg');
    assert.ok(texts.includes('a &lt;b&gt; &amp; "c"'));
    assert.ok(texts.includes('&lt;ewma &amp; co&gt;: picks a second'));
  });

  it('draws a panel for each variant and one for all, nodes of events first, within the picture', async () => {
    const elements = parseXml(chart(SCENARIO, await play(SCENARIO)));
    const { width, height } = elements[0]!.attributes;
    const lines = elements.filter(({ name }) => name === 'polyline');
    assert.equal(lines.length, 7 + 7 + 2, 'seven nodes, twice, and a tail each');
    for (const { attributes } of lines) {
      const points = attributes.points!.split(' ').map((point) => point.split(',').map(Number));
      assert.equal(points.length, 5);
      for (const [x, y] of points) {
        assert.ok(x! >= 0 && x! <= Number(width) && y! >= 0 && y! <= Number(height), `${x},${y}`);
      }
    }
    const legend = elements.filter(({ name, attributes }) => name === 'text' && attributes.x === '770');
    assert.equal(legend[0]?.text, 'slow');
    const marks = elements.filter(({ attributes }) => attributes['stroke-dasharray'] !== undefined);
    assert.equal(marks.length, 2, 'the change, in each panel of nodes');
  });
});
