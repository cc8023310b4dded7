import { type Path, quote } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import type { RuleContext } from './context.ts';

type InlineUpstream = NonNullable<NonNullable<DocumentInput['routes']>[number]['upstream']>;

const FIXED = [
  'remote_addr',
  'remote_port',
  'server_addr',
  'server_port',
  'server_name',
  'host',
  'uri',
  'request_uri',
  'query_string',
  'args',
  'request_method',
];
const VARIABLE = new RegExp(`^(?:${FIXED.join('|')}|(?:arg|http|cookie)_[0-9A-Za-z_-]+)$`);
const HEADER = /^[!#$%&'*+.^`|~0-9A-Za-z-]+$/;
/** Fields that end at the gateway: what a client says in them is not believed. */
const NOT_PASSED = /^(?:x[-_]forwarded.*|forwarded|x[-_]real[-_]ip)$/i;

/** What a hash is made of can be had, and what is written has a use. */
export function checkBalancing(context: RuleContext, upstream: InlineUpstream, path: Path, whole: boolean): void {
  if (whole) checkUse(context, upstream, path);
  if (upstream.type === 'chash') checkKey(context, upstream, path, whole);
  const { sticky } = upstream;
  if (sticky?.same_site === 'none' && sticky.secure !== true) {
    context.error(
      [...path, 'sticky', 'same_site'],
      '"none" needs secure',
      'browsers drop such a cookie; add secure: true',
    );
  }
}

function checkUse(context: RuleContext, upstream: InlineUpstream, path: Path): void {
  for (const [field, type, usual] of [
    ['hash_on', 'chash', 'vars'],
    ['key', 'chash', undefined],
    ['bounded_load', 'chash', false],
    ['ewma_decay', 'ewma', 10],
  ] as const) {
    if (upstream[field] === undefined || upstream[field] === usual || upstream.type === type) continue;
    context.warn([...path, field], `has no effect without type: ${type}`);
  }
}

function checkKey(context: RuleContext, upstream: InlineUpstream, path: Path, whole: boolean): void {
  const { hash_on: on = 'vars', key } = upstream;
  const at = [...path, 'key'];
  if (key === undefined) {
    if (whole && on !== 'consumer') context.error(path, 'type chash needs key', 'add key: remote_addr');
    return;
  }
  if (on === 'vars') checkVariable(context, key, at);
  else if (on === 'header') checkHeader(context, key, at);
  else if (on === 'vars_combinations') checkCombination(context, key, at);
}

function checkVariable(context: RuleContext, name: string, path: Path): void {
  if (name.startsWith('http_')) return checkHeader(context, name.slice('http_'.length), path);
  if (VARIABLE.test(name)) return;
  const hint = name.startsWith('$') ? 'leave out the "$"' : `known are ${FIXED.join(', ')}, arg_*, http_*, cookie_*`;
  context.error(path, `${quote(name)} is not a variable`, hint);
}

function checkHeader(context: RuleContext, name: string, path: Path): void {
  if (!HEADER.test(name.replaceAll('_', '-'))) {
    context.error(path, `${quote(name)} is not a header name`);
  } else if (NOT_PASSED.test(name)) {
    const hint = 'the variable remote_addr knows the client behind trusted_addresses';
    context.error(path, `${quote(name)} is not believed from a client`, hint);
  }
}

function checkCombination(context: RuleContext, text: string, path: Path): void {
  const names = [...text.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)].map((match) => match[1] ?? match[2] ?? '');
  if (names.length === 0) context.error(path, `${quote(text)} has no variable`, 'write "$remote_addr$uri"');
  for (const name of names) checkVariable(context, name, path);
}
