import { STRETCH_MS } from './recorder.ts';
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
    Array.from({ length: seconds }, (_, second) => {
      const counts = run.record.picks.get(name) ?? [];
      let total = 0;
      for (let stretch = 0; stretch < 1000 / STRETCH_MS; stretch++) {
        total += counts[(second * 1000) / STRETCH_MS + stretch] ?? 0;
      }
      return total;
    });
  const series = shown.map((name) => ({ name, values: perSecond(name) }));
  return panel(`${run.balancer}: picks a second`, series, top);
}

function tailPanel(runs: readonly Run[], scenario: Scenario, top: number): string {
  const seconds = Math.ceil(scenario.duration);
  const series = runs.map(({ balancer, record }) => ({
    name: balancer,
    values: record.percentiles(0.99).slice(0, seconds),
  }));
  return panel('99th percentile, ms', series, top);
}

interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

function panel(title: string, series: readonly Series[], top: number): string {
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const length = Math.max(2, ...series.map(({ values }) => values.length));
  const width = WIDTH - LEFT - 140;
  const x = (index: number) => (LEFT + (index / (length - 1)) * width).toFixed(1);
  const y = (value: number) => (top + PANEL - (value / most) * (PANEL - 20)).toFixed(1);
  const lines = series.map(({ values }, index) => {
    const points = values.map((value, at) => `${x(at)},${y(value)}`).join(' ');
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
    `<text x="${LEFT + width}" y="${top + PANEL + 14}" text-anchor="end">${length - 1} s</text>`,
    ...lines,
    ...legend,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
