import { optionOfMetadata } from './headgate-tags.ts';

interface Described {
  readonly metadata: Readonly<Record<string, string>>;
}

/** The routing options in the metadata of a service's instances, as the tags that a catalogue lists: each once, sorted. */
export function routingTags(instances: Iterable<Described>): readonly string[] {
  const tags = new Set<string>();
  for (const { metadata } of instances) {
    for (const [key, value] of Object.entries(metadata)) {
      const option = optionOfMetadata(key);
      if (option !== null) tags.add(`headgate.${option}=${value}`);
    }
  }
  return [...tags].sort();
}
