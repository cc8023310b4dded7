import type { Lane, Load } from './lanes.ts';
import type { Peer } from './peers.ts';

/** One load run and what the proxy used for it. */
export interface Sample extends Load {
  readonly lane: string;
  readonly peer: string;
  readonly round: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly date: string;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** What a lane's cost is given in, and how its rate is. */
export const UNITS = {
  request: {
    cost: 'CPU µs/request',
    rate: 'requests/s',
    show: (rate: number) => Math.round(rate).toLocaleString('en'),
  },
  GB: { cost: 'CPU ms/GB', rate: 'rate', show: (rate: number) => `${rate.toFixed(2)} GB/s` },
  connection: { cost: 'bytes/connection', rate: 'rate', show: () => '–' },
} as const;

/** CPU time per request in microseconds, or per gigabyte in milliseconds; or memory per connection in bytes. */
export function cost(sample: Sample, unit: Lane['unit']): number {
  if (unit === 'connection') return (sample.heldBytes ?? Number.NaN) / sample.work;
  return (sample.cpuSeconds / sample.work) * (unit === 'GB' ? 1e3 : 1e6);
}

function row(lane: Lane, peer: Peer, all: readonly Sample[], own: readonly Sample[]): string {
  const samples = all.filter((sample) => sample.lane === lane.name && sample.peer === peer.name);
  if (samples.length === 0) return '';
  const costs = samples.map((sample) => cost(sample, lane.unit));
  const ratios = samples.flatMap((sample) => {
    const ours = own.find((other) => other.lane === lane.name && other.round === sample.round);
    return ours ? [cost(ours, lane.unit) / cost(sample, lane.unit)] : [];
  });
  const spread = `${Math.min(...costs).toFixed(1)}–${Math.max(...costs).toFixed(1)}`;
  const rate = median(samples.map((sample) => sample.work / sample.seconds));
  const latency = (pick: (sample: Sample) => number | null) => {
    const values = samples.map(pick).filter((value) => value !== null);
    return values.length > 0 ? median(values).toFixed(2) : '–';
  };
  const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
  const cells = [
    `${peer.name} ${peer.version}`,
    median(costs).toFixed(1),
    spread,
    peer.name === 'headgate' ? '1' : median(ratios).toFixed(2),
    UNITS[lane.unit].show(rate),
    latency((sample) => sample.p50),
    latency((sample) => sample.p99),
    `${Math.round(median(samples.map((sample) => sample.residentBytes)) / 1048576)}`,
    String(errors),
  ];
  return `| ${cells.join(' | ')} |\n`;
}

/** A Markdown page: a table a lane, medians over the rounds; the ratio is ours to the peer's, paired by round. */
export function report(
  lanes: readonly Lane[],
  peers: readonly Peer[],
  samples: readonly Sample[],
  machine: Machine,
): string {
  const own = samples.filter((sample) => sample.peer === 'headgate');
  let page = `# Side by side, ${machine.date}\n\n`;
  page += `${machine.cores} × ${machine.cpu}, Linux ${machine.kernel}. One core for the proxy, the other for the backend and the load.\n`;
  page +=
    'Command: `npm run bench`. CPU is user + system time of the proxy’s process tree. “Ours to it” below 1 means that Headgate uses less.\n';
  for (const lane of lanes) {
    const unit = UNITS[lane.unit];
    page += `\n## ${lane.title}\n\n| proxy | ${unit.cost} | min–max | ours to it | ${unit.rate} | p50 ms | p99 ms | RSS MiB | errors |\n`;
    page += '|---|---|---|---|---|---|---|---|---|\n';
    for (const peer of peers) page += row(lane, peer, samples, own);
  }
  return page;
}
