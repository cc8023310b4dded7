import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

const WIDTH = 900;
const PANEL = 150;
const LEFT = 60;
const GAP = 40;
/** Told apart with every kind of colour vision (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
/** Nodes with a line of their own; the others would hide them. */
const MOST_LINES = 7;

/** Draws each balancer's traffic by node over time, and the 99th percentile of all below, as SVG. */
export function chart(scenario: Scenario, runs: readonly Run[]): string {
  const shown = shownNodes(scenario, runs);
  const height = (runs.length + 1) * (PANEL + GAP) + GAP;
  const panels = runs.map((run, index) => nodePanel(run, scenario, shown, GAP + index * (PANEL + GAP)));
  const tail = tailPanel(runs, scenario, GAP + runs.length * (PANEL + GAP));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(scenario.name ?? 'scenario')}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${LEFT}" y="16" font-size="14">${escaped(scenario.name ?? 'scenario')}</text>`,
    ...panels,
    tail,
    '</svg>',
    '',
  ].join('\n');
}

function shownNodes(scenario: Scenario, runs: readonly Run[]): readonly string[] {
  const fleet = runs[0]?.fleet;
  const touched = (scenario.events ?? []).flatMap((event) => fleet?.targets(event) ?? []);
  const single = scenario.nodes.filter(({ count }) => count === undefined).map(({ name }) => name);
  return [...new Set([...touched, ...single, ...(fleet?.names ?? [])])].slice(0, MOST_LINES);
}

function nodePanel(run: Run, scenario: Scenario, shown: readonly string[], top: number): string {
  const seconds = Math.ceil(scenario.duration);
  const perSecond = (name: string) =>
    Array.from({ length: seconds }, (_, second) => run.record.picksOf(name, second * 1000, (second + 1) * 1000));
  const series = shown.map((name) => ({ name, values: perSecond(name) }));
  const changes = run.fleet.transitions.map(({ at }) => (at - run.start) / 1000);
  return panel(`${run.label}: picks a second`, series, { seconds, top, marks: [...new Set(changes)] });
}

function tailPanel(runs: readonly Run[], scenario: Scenario, top: number): string {
  const seconds = Math.ceil(scenario.duration);
  const series = runs.map(({ label, record }) => ({
    name: label,
    values: record.percentiles(0.99).slice(0, seconds),
  }));
  return panel('99th percentile, ms', series, { seconds, top, marks: [] });
}

interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

interface Frame {
  /** What the axis is long. */
  readonly seconds: number;
  readonly top: number;
  /** Moments, in seconds, at which a node changed. */
  readonly marks: readonly number[];
}

function panel(title: string, series: readonly Series[], { seconds, top, marks }: Frame): string {
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const width = WIDTH - LEFT - 140;
  const x = (second: number) => (LEFT + (second / seconds) * width).toFixed(1);
  const y = (value: number) => (top + PANEL - (value / most) * (PANEL - 20)).toFixed(1);
  const lines = series.map(({ values }, index) => {
    const points = values.map((value, at) => `${x(at + 0.5)},${y(value)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="1.5"/>`;
  });
  const legend = series.map(
    ({ name }, index) =>
      `<text x="${WIDTH - 130}" y="${top + 14 + index * 14}" fill="${COLOURS[index % COLOURS.length]}">${escaped(name)}</text>`,
  );
  return [
    `<text x="${LEFT}" y="${top + 8}">${escaped(title)}</text>`,
    `<path d="M${LEFT} ${top + 15}V${top + PANEL}H${LEFT + width}" fill="none" stroke="#888"/>`,
    `<text x="${LEFT - 6}" y="${top + 24}" text-anchor="end">${Math.round(most)}</text>`,
    `<text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>`,
    `<text x="${LEFT + width}" y="${top + PANEL + 14}" text-anchor="end">${seconds} s</text>`,
    ...marks.map((at) => `<path d="M${x(at)} ${top + 15}V${top + PANEL}" stroke="#bbb" stroke-dasharray="2 3"/>`),
    ...lines,
    ...legend,
  ].join('\n');
}

/** Characters that XML does not know are left out. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
