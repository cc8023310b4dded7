import type { Address } from '../../src/core/address.ts';
import type { Log } from '../../src/core/log.ts';
import { silentLog } from '../../src/core/log.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { HealthMonitor } from '../../src/health/monitor.ts';
import type {
  ActiveCheckPlan,
  HealthState,
  HealthTarget,
  HttpQuestion,
  ProbeResult,
  ProbeVerdict,
} from '../../src/health/types.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

export type PlanChange = Partial<Omit<ActiveCheckPlan, 'question' | 'healthy' | 'unhealthy'>> & {
  question?: Partial<HttpQuestion>;
  healthy?: Partial<ActiveCheckPlan['healthy']>;
  unhealthy?: Partial<ActiveCheckPlan['unhealthy']>;
};

/** Healthy every 10 s, unhealthy every 1 s; 2 successes, 5 statuses, 2 connections and 3 timeouts. A new object each time. */
export function planOf(change: PlanChange = {}): ActiveCheckPlan {
  const question: HttpQuestion = {
    type: 'http',
    tls: null,
    method: 'GET',
    path: '/',
    host: null,
    headers: [],
    healthyStatuses: [200],
    unhealthyStatuses: [500],
    expectBody: null,
    bodyLimit: 65_536,
    ...change.question,
  };
  return {
    timeoutMs: 1000,
    concurrency: 10,
    fastIntervalMs: null,
    gate: false,
    damping: null,
    ...change,
    question,
    healthy: { intervalMs: 10_000, successes: 2, ...change.healthy },
    unhealthy: { intervalMs: 1000, httpFailures: 5, tcpFailures: 2, timeouts: 3, ...change.unhealthy },
  };
}

export function target(key: string, checks: ActiveCheckPlan = planOf(), port = 80): HealthTarget {
  const host = key.slice(key.lastIndexOf('|') + 1);
  return { key, address: { host, port }, checks };
}

export interface Asked {
  readonly host: string;
  readonly at: number;
  readonly plan: ActiveCheckPlan;
}

/** A monitor on a fake clock whose probes answer as the test says; `hang` answers when it is told to. */
export class Rig {
  readonly clock = new FakeClock(0);
  readonly asked: Asked[] = [];
  readonly changes: string[] = [];
  readonly logged: string[] = [];
  readonly messages: string[] = [];
  /** By host; `success` unless the test says otherwise. */
  readonly answers = new Map<string, ProbeVerdict | 'hang' | 'throw'>();
  readonly underWay = new Map<string, number>();
  most = 0;
  /** Probes that were made. */
  made = 0;
  aborted = 0;
  /** Called at each change. */
  onChange = () => {};
  readonly #hanging: { host: string; finish: (verdict: ProbeVerdict) => void }[] = [];
  readonly monitor: HealthMonitor;

  constructor(random: Random = seededRandom(1)) {
    const note = (level: string) => (event: string, message: string) => {
      this.logged.push(`${level} ${event}`);
      this.messages.push(message);
    };
    const log: Log = {
      ...silentLog,
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
      debug: note('debug'),
    };
    this.monitor = new HealthMonitor({
      clock: this.clock,
      random,
      log,
      onChange: (key, health, reason) => {
        this.changes.push(`${key} ${health}: ${reason}`);
        this.onChange();
      },
      createProbe: (plan) => {
        if (plan.question.type === 'http' && plan.question.path === 'bad') throw new TypeError('"bad" is not a path');
        this.made += 1;
        return { check: (address, signal) => this.#check(address, plan, signal) };
      },
    });
  }

  health(key: string): HealthState | undefined {
    return this.monitor.state(key)?.health;
  }

  /** Takes what changed since the last look. */
  taken(): string[] {
    return this.changes.splice(0);
  }

  probesOf(host: string): number[] {
    return this.asked.filter((asked) => asked.host === host).map((asked) => asked.at);
  }

  /** Answers the oldest probe of the host that hangs. */
  async finish(host: string, verdict: ProbeVerdict): Promise<void> {
    const index = this.#hanging.findIndex((probe) => probe.host === host);
    this.#hanging.splice(index, 1)[0]!.finish(verdict);
    await settle();
  }

  get hanging(): string[] {
    return this.#hanging.map((probe) => probe.host);
  }

  async #check(address: Address, plan: ActiveCheckPlan, signal: AbortSignal): Promise<ProbeResult> {
    const { host } = address;
    this.asked.push({ host, at: this.clock.now(), plan });
    this.underWay.set(host, (this.underWay.get(host) ?? 0) + 1);
    this.most = Math.max(
      this.most,
      [...this.underWay.values()].reduce((sum, count) => sum + count, 0),
    );
    let verdict = this.answers.get(host) ?? 'success';
    if (verdict === 'hang') verdict = await this.#hang(host, signal);
    this.underWay.set(host, this.underWay.get(host)! - 1);
    if (verdict === 'throw') throw new Error('a fault of the probe');
    return { verdict, detail: `${host} said ${verdict}` };
  }

  #hang(host: string, signal: AbortSignal): Promise<ProbeVerdict> {
    return new Promise((finish) => {
      const probe = { host, finish };
      this.#hanging.push(probe);
      signal.addEventListener('abort', () => {
        this.aborted += 1;
        const index = this.#hanging.indexOf(probe);
        if (index >= 0) this.#hanging.splice(index, 1);
        finish('neutral');
      });
    });
  }
}
