import type { Finding } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import { checkActiveChecks } from './checks.ts';
import { RuleContext } from './context.ts';
import { checkDiscovery } from './discovery.ts';
import { checkDns } from './dns.ts';
import { checkIds } from './ids.ts';
import { checkListeners } from './listeners.ts';
import { checkMatches } from './matches.ts';
import { checkNodeSources } from './node-sources.ts';
import { checkRegister } from './register.ts';
import { checkStreamSettings } from './stream-settings.ts';
import { checkTargets } from './targets.ts';
import { checkUpstreams } from './upstreams.ts';

/** What a schema cannot say. Another rule is another file and another line here. */
const RULES: readonly ((context: RuleContext) => void)[] = [
  checkListeners,
  checkDiscovery,
  checkDns,
  checkRegister,
  checkNodeSources,
  checkIds,
  checkMatches,
  checkTargets,
  checkUpstreams,
  checkStreamSettings,
  checkActiveChecks,
];

/** `schemaFindings` are what the schema has against the document; rules pass over what they spoil. */
export function judgeDocument(
  document: unknown,
  schemaFindings: readonly Finding[],
): { readonly errors: readonly Finding[]; readonly warnings: readonly Finding[] } {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return { errors: [], warnings: [] };
  const context = new RuleContext(document as DocumentInput, schemaFindings);
  for (const rule of RULES) rule(context);
  return { errors: context.errors, warnings: context.warnings };
}
