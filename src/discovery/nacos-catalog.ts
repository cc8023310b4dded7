import type { NacosClient } from './nacos-client.ts';
import { type NacosOptions, nacosService } from './nacos-options.ts';
import { routingTags } from './routing-tags.ts';
import type { CatalogEntry } from './types.ts';

/**
 * The services of the configured namespace and group. Where routes are made from metadata every service's instances are
 * asked for as well: Nacos shows clients no metadata but theirs. One that can't be asked for fails the whole, since a
 * catalogue without it would withdraw its routes.
 */
export async function nacosCatalog(
  client: NacosClient,
  options: NacosOptions,
  signal: AbortSignal,
): Promise<readonly CatalogEntry[]> {
  const names = await client.services(signal);
  const entries: CatalogEntry[] = names.map((service) => ({ service, tags: [] }));
  if (!options.metadataRoutes) return entries;
  let next = 0;
  const ask = async () => {
    while (next < names.length) {
      const at = next++;
      const name = names[at]!;
      const service = nacosService({ source: 'nacos', service: name, args: {} }, options);
      const { nodes } = await client.instances(service, async () => null, signal);
      entries[at] = { service: name, tags: routingTags(nodes) };
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, ask));
  return entries;
}
