import { isHost } from '../../core/address.ts';
import { type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

/** An address of each registry as it is where nothing else is set. */
export const EXAMPLES = {
  consul: 'http://127.0.0.1:8500',
  eureka: 'http://127.0.0.1:8761',
  nacos: 'http://127.0.0.1:8848',
} as const;

/** Registries can be reached, and templates can be read. */
export function checkDiscovery(context: RuleContext): void {
  const { consul, eureka, nacos } = context.setting('discovery') ?? {};
  checkRegistry(context, 'consul', 'servers', consul?.servers, consul?.auto_route);
  if (consul?.token !== undefined && consul.token_file !== undefined) {
    context.error(['discovery', 'consul', 'token_file'], 'cannot stand beside token', 'keep one of the two');
  }
  checkRegistry(context, 'eureka', 'host', eureka?.host, eureka?.auto_route);
  checkRegistry(context, 'nacos', 'host', nacos?.host, nacos?.auto_route);
}

function checkRegistry(
  context: RuleContext,
  registry: keyof typeof EXAMPLES,
  key: string,
  servers: readonly string[] | undefined,
  template: string | undefined,
): void {
  const path = ['discovery', registry];
  servers?.forEach((server, index) => {
    checkUrl(context, server, [...path, key, index], EXAMPLES[registry]);
  });
  if (template !== undefined) checkTemplate(context, template, [...path, 'auto_route']);
}

/** The URL itself is not repeated: it may hold a password. */
export function checkUrl(context: RuleContext, text: string, path: Path, example: string): void {
  const url = URL.parse(text);
  if (!url || !/^https?:\/\//i.test(text)) {
    context.error(path, 'is not an http or https URL', `write "${example}"`);
  } else if (url.search !== '' || url.hash !== '') {
    context.error(path, 'must not have a query or a fragment');
  }
}

const PLACEHOLDER = /\{([^{}]*)\}/g;

function checkTemplate(context: RuleContext, template: string, path: Path): void {
  const names = [...template.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
  const unknown = names.find((name) => name !== 'service' && !/^(?:meta|tag)\../.test(name));
  const example = template.replace(PLACEHOLDER, 'x');
  const [host = ''] = example.split('/', 1);
  if (unknown !== undefined) {
    context.error(path, `${quote(`{${unknown}}`)} is not known`, 'there are {service}, {meta.<key>} and {tag.<key>}');
  } else if (/[{}]/.test(example)) {
    context.error(path, `${quote(template)} has a brace without its other half`);
  } else if (names.length === 0) {
    context.error(path, 'every service would get the same route', 'write "{service}.example.com"');
  } else if (/\s/.test(example) || (host !== '' && !isHost(host))) {
    const hint = 'write "{service}.example.com" or "api.example.com/{service}/*"';
    context.error(path, `${quote(template)} is not a host or a host and a path`, hint);
  }
}
