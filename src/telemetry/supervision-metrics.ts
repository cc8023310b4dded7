import { labelled } from './labelled.ts';
import type { BreakerMetrics } from './metrics-source.ts';
import type { Family } from './text-format.ts';
import { joinLabels, labelText } from './text-format.ts';

const STATES = ['closed', 'open', 'half-open'] as const;
const STATE_LABELS = STATES.map((state) => labelText({ state }));

/** Outlier detection and circuit breakers. */
export function supervisionFamilies(
  verdicts: Readonly<Record<string, number>>,
  breakers: readonly BreakerMetrics[],
): Family[] {
  const named = labelled(breakers, ({ kind, id }) => ({ kind, id }));
  return [
    {
      name: 'headgate_outlier_verdicts_total',
      help: 'Verdicts of the outlier detection: ejected, reinstated, capped (too many are ejected), shadow (would be ejected).',
      type: 'counter',
      collect: (samples) => {
        for (const [verdict, count] of Object.entries(verdicts)) samples.add(labelText({ verdict }), count);
      },
    },
    {
      name: 'headgate_breaker_state',
      help: '1 for the state that the circuit breaker is in, 0 for the others.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of named) {
          for (let state = 0; state < STATES.length; state++) {
            samples.add(joinLabels(labels, STATE_LABELS[state]!), item.state === STATES[state] ? 1 : 0);
          }
        }
      },
    },
    {
      name: 'headgate_breaker_openings_total',
      help: 'How often the circuit breaker has opened.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of named) samples.add(labels, item.openings);
      },
    },
  ];
}
