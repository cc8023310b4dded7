import { type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

/** Registries can be reached, and templates can be read. */
export function checkDiscovery(context: RuleContext): void {
  const consul = context.setting('discovery')?.consul;
  if (!consul) return;
  const path = ['discovery', 'consul'];
  consul.servers?.forEach((server, index) => {
    checkUrl(context, server, [...path, 'servers', index]);
  });
  if (consul.auto_route !== undefined) checkTemplate(context, consul.auto_route, [...path, 'auto_route']);
}

/** The URL itself is not repeated: it may hold a password. */
function checkUrl(context: RuleContext, text: string, path: Path): void {
  const url = URL.parse(text);
  if (!url || !/^https?:\/\//i.test(text)) {
    context.error(path, 'is not an http or https URL', 'write "http://127.0.0.1:8500"');
  } else if (url.search !== '' || url.hash !== '') {
    context.error(path, 'must not have a query or a fragment');
  }
}

function checkTemplate(context: RuleContext, template: string, path: Path): void {
  const rest = template.replace(/\{[^{}\s]+\}/g, '');
  if (/[{}\s]/.test(rest)) {
    context.error(path, `${quote(template)} is not a template`, 'write "{service}.example.com"');
  }
}
