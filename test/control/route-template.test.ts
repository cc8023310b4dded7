import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTemplate } from '../../src/control/route-template.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { node } from '../support/nodes.ts';

const INSTANCE = node('10.0.0.1', 80, { tags: ['region=eu', 'v1'], metadata: { team: 'Shop', empty: '' } });

test('a template makes a host, a path or both', () => {
  const cases: [string, object][] = [
    ['{service}.example.com', { host: 'web.example.com', uri: '/*' }],
    ['{service}.{tag.region}.{meta.team}.com/', { host: 'web.eu.shop.com', uri: '/*' }],
    ['api.example.com/{service}/*', { host: 'api.example.com', uri: '/web/*' }],
    ['/{service}', { host: null, uri: '/web' }],
    ['*.{service}.com', { host: '*.web.com', uri: '/*' }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseTemplate(text).expand('web', INSTANCE), expected, text);
});

test('an instance that lacks a value, or whose value is no part of a host, gets the reason', () => {
  const cases: [string, string, RegExp][] = [
    ['{tag.zone}.com', 'web', /there is no value for \{tag\.zone\}/],
    ['{meta.none}.com', 'web', /\{meta\.none\}/],
    ['{meta.empty}.com', 'web', /\{meta\.empty\}/],
    ['{meta.constructor}.com', 'web', /\{meta\.constructor\}/],
    ['{service}.com', 'we ird', /"we ird" for \{service\} has more than letters/],
    ['{service}.com', 'a.com/x', /"a\.com\/x" for \{service\}/],
    ['{service}.com', '*', /"\*" for \{service\}/],
    ['{service}.com', 'a..b', /makes "a\.\.b\.com", which is not a host/],
  ];
  for (const [text, service, reason] of cases) {
    const result = parseTemplate(text).expand(service, INSTANCE);
    if (typeof result === 'string') assert.match(result, reason);
    else assert.fail(`${text} over ${service} makes ${JSON.stringify(result)}`);
  }
});

test('a template that cannot work is refused with the remedy', () => {
  const cases: [string, RegExp][] = [
    ['{name}.example.com', /\{name\} is not known; use \{service\}/],
    ['{meta.}.com', /is not known/],
    ['example.com', /every service would claim the same route/],
    ['{service.example.com', /brace/],
    ['{service} .com', /not a host or a host and a path/],
    ['{service}.com/a b', /not a host or a host and a path/],
    ['', /every service/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseTemplate(text),
      (error) => error instanceof HeadgateError && error.code === 'BAD_TEMPLATE' && message.test(error.message),
      text,
    );
  }
});
