import { request } from 'node:http';
import type { ExplainedNode, Explanation } from '../admin/explain-routes.ts';
import { parseAddress } from '../core/address.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { type ExplainOptions, UsageError } from './arguments.ts';

/** Asks a running gateway how it would handle a request. Exit code 0 when the request would reach a node, else 1. */
export async function explain(options: ExplainOptions, output: NodeJS.WritableStream): Promise<number> {
  const { method, url, headers, client, admin, json } = options;
  const question = { method, url, headers, ...(client === undefined ? {} : { client }) };
  const explanation = await ask(admin, question);
  output.write(json ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation));
  return explanation.upstream?.pick && !explanation.breaker ? 0 : 1;
}

/** Throws a HeadgateError with what the gateway says, or that it can't be reached. */
function ask(admin: string, question: unknown): Promise<Explanation> {
  const address = parseAddress(admin, 9180);
  if (!address) throw new UsageError(`--admin takes an address such as 127.0.0.1:9180, not "${admin}"`);
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, port, method: 'POST', path: '/v1/explain', headers: { 'content-type': 'application/json' } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve(JSON.parse(text) as Explanation);
          else reject(new HeadgateError(refusalIn(text), { code: 'EXPLAIN', source: 'client' }));
        });
      },
    );
    asked.once('error', (error) => {
      const message = `no gateway answers at ${admin}: ${reasonOf(error)}; is it running, and is --admin its admin.address?`;
      reject(new HeadgateError(message, { code: 'EXPLAIN', source: 'self', cause: error }));
    });
    asked.end(JSON.stringify(question));
  });
}

function refusalIn(text: string): string {
  try {
    return (JSON.parse(text) as { error_msg?: string }).error_msg ?? text;
  } catch {
    return text;
  }
}

function explanationText(explanation: Explanation): string {
  const { refused, request: asked, routes, more_routes, route, target, plugins, breaker, upstream } = explanation;
  if (refused) return `refused with ${refused.status} (${refused.code}): ${refused.message}\n`;
  const lines = [`${asked.method} ${asked.path} on "${asked.host}" from ${asked.client}`, '', 'routes'];
  for (const { id, verdict, hosts, uris } of routes) {
    lines.push(`  ${verdict.padEnd(14)} ${id}  (${hosts.join(', ') || 'any host'} ${uris.join(', ')})`);
  }
  if (more_routes > 0) lines.push(`  … and ${more_routes} more`);
  if (route === null) return `${[...lines, '', 'no route takes it: 404'].join('\n')}\n`;
  lines.push('', `route ${route}, sent as ${target}`, `plugins: ${plugins.join(', ') || 'none'}`);
  if (breaker !== null) lines.push(`the circuit breaker of the ${breaker} is open: no node is asked`);
  if (!upstream) return `${[...lines, 'its upstream does not exist: 503'].join('\n')}\n`;
  lines.push('', `upstream ${upstream.id}, ${upstream.type}${upstream.fail_open ? ', failing open' : ''}`);
  for (const node of upstream.nodes) lines.push(nodeLine(node));
  lines.push('', upstream.pick === null ? 'no node can be picked: 503' : `pick: ${upstream.pick}`);
  return `${lines.join('\n')}\n`;
}

function nodeLine(node: ExplainedNode): string {
  const facts = [
    `weight ${Math.round(node.weight * 100) / 100}`,
    node.slow_start < 1 ? `slow start ${Math.round(node.slow_start * 100)} %` : '',
    node.health,
    `${node.inflight} in flight`,
    node.latency_ms === null ? '' : `${node.latency_ms.toFixed(1)} ms`,
    node.score_ms === null ? '' : `score ${node.score_ms.toFixed(1)}`,
  ];
  const verdict = node.excluded === null ? 'candidate' : `out: ${node.excluded}`;
  return `  ${node.node.padEnd(22)} ${verdict.padEnd(16)} ${facts.filter((fact) => fact !== '').join(', ')}`;
}
