import type { Json } from '../../core/json.ts';
import { documentSchema } from '../schema/document.ts';

/** Our own notes, which mean nothing to other readers of a schema. */
const NOTES = new Set(['expects', 'like', 'secret']);

/** The schema of a configuration file for editors, in JSON Schema's draft 2020-12. */
export function jsonSchema(): Json {
  const schema = JSON.parse(
    JSON.stringify(documentSchema, (key, value) => (NOTES.has(key) ? undefined : value)),
  ) as Json;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Headgate configuration',
    ...(schema as Record<string, Json>),
  };
}
