import { type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

/** What the blocks of Kubernetes and of the written node lists can't say by their schema. */
export function checkNodeSources(context: RuleContext): void {
  const { kubernetes, etcd, consul_kv } = context.setting('discovery') ?? {};
  const path = (...rest: Path) => ['discovery', ...rest];
  checkUrls(context, consul_kv?.servers, path('consul_kv', 'servers'), 8500);
  if (consul_kv?.token !== undefined && consul_kv.token_file !== undefined) {
    context.error(path('consul_kv', 'token_file'), 'cannot stand beside token', 'keep one of the two');
  }
  checkUrls(context, etcd?.servers, path('etcd', 'servers'), 2379);
  if (etcd) checkPair(context, etcd, ['cert_file', 'key_file'], path('etcd'));
  if (etcd) checkPair(context, etcd, ['user', 'password'], path('etcd'));
  for (const key of ['match', 'not_match'] as const) {
    kubernetes?.namespace_selector?.[key]?.forEach((text, index) => {
      checkExpression(context, text, path('kubernetes', 'namespace_selector', key, index));
    });
  }
  if (kubernetes?.kubeconfig !== undefined && kubernetes.service?.host !== undefined) {
    context.error(path('kubernetes', 'kubeconfig'), 'cannot stand beside service.host', 'keep one of the two');
  }
  if (kubernetes?.context !== undefined && kubernetes.kubeconfig === undefined) {
    context.error(path('kubernetes', 'context'), 'needs kubeconfig', 'it names a part of that file');
  }
}

/** The URL itself is not repeated: it may hold a password. */
function checkUrls(context: RuleContext, urls: readonly string[] | undefined, path: Path, port: number): void {
  for (const [index, url] of (urls ?? []).entries()) {
    if (/^https?:\/\//i.test(url) && URL.canParse(url)) continue;
    context.error([...path, index], 'is not an http or https URL', `write "http://127.0.0.1:${port}"`);
  }
}

function checkPair(context: RuleContext, block: object, keys: readonly [string, string], path: Path): void {
  const given = keys.filter((key) => Object.hasOwn(block, key));
  const [only] = given;
  if (given.length !== 1 || only === undefined) return;
  context.error([...path, only], `needs ${keys.find((key) => key !== only)} beside it`);
}

function checkExpression(context: RuleContext, text: string, path: Path): void {
  try {
    new RegExp(text);
  } catch {
    context.error(path, `${quote(text)} is not a regular expression`);
  }
}
