import { type LabelText, labelText } from './text-format.ts';

/** A thing that has series, with the labels that name it. */
export interface Labelled<T> {
  readonly item: T;
  readonly labels: LabelText;
}

/**
 * Names each thing once per scrape. Of two with the same labels the first counts: a repeated series would make Prometheus
 * refuse the whole scrape.
 */
export function labelled<T>(
  items: readonly T[],
  labelsOf: (item: T) => Readonly<Record<string, string>>,
): Labelled<T>[] {
  const seen = new Set<LabelText>();
  const named: Labelled<T>[] = [];
  for (const item of items) {
    const labels = labelText(labelsOf(item));
    if (seen.has(labels)) continue;
    seen.add(labels);
    named.push({ item, labels });
  }
  return named;
}
