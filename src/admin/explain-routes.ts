import { isIP } from 'node:net';
import type { ExplainQuestion, Explanation } from '../upstream/explanation.ts';
import { errorBody } from './errors.ts';
import type { Paths } from './paths.ts';

export type { ExplainedNode, ExplainQuestion, Explanation } from '../upstream/explanation.ts';

/** What the explanation is asked of; the control thread implements it. */
export interface Explainer {
  /** Null when no worker runs that could tell. */
  explain(question: ExplainQuestion): Promise<Explanation | null>;
}

/** How a request would be handled, with nothing sent. It reads, although it is a POST: no key is needed. */
export function addExplainRoute(paths: Paths, explainer: Explainer): void {
  paths.ask('/v1/explain', async (request, reply) => {
    const question = readQuestion(request.body);
    if (typeof question === 'string') return reply.code(400).send(errorBody(question));
    const explanation = await explainer.explain(question);
    return explanation
      ? reply.send(explanation)
      : reply.code(503).send(errorBody('no worker runs that could tell; see /readyz'));
  });
}

const KNOWN = ['method', 'url', 'headers', 'client'];

/** The question, or what is wrong with it. */
function readQuestion(body: unknown): ExplainQuestion | string {
  const fields = (body ?? {}) as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) return `${unknown}: there is no such field; there are ${KNOWN.join(', ')}`;
  const { method = 'GET', url, headers = [], client = '127.0.0.1' } = fields;
  if (typeof method !== 'string' || !/^[!-~]+$/.test(method)) return 'method: give one such as "GET"';
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (!parsed?.host) return 'url: give a whole URL such as "http://api.example.com/orders/7"';
  if (!Array.isArray(headers) || !headers.every(isHeader))
    return 'headers: give a list of lines such as "X-Version: 2"';
  if (typeof client !== 'string' || isIP(client) === 0) return 'client: give an IP address';
  return { head: headOf(method, url as string, parsed, headers), client };
}

function isHeader(line: unknown): line is string {
  return typeof line === 'string' && /^[^\r\n]*$/.test(line);
}

/** The path as it was written: what is normal about it is for the data path to say. */
function headOf(method: string, url: string, parsed: URL, headers: readonly string[]): string {
  const afterScheme = url.slice(url.indexOf('//') + 2);
  const pathStart = afterScheme.search(/[/?]/);
  const written = pathStart < 0 ? '/' : afterScheme.slice(pathStart).replace(/#.*$/, '');
  const target = written.startsWith('/') ? written : `/${written}`;
  const hasHost = headers.some((line) => /^host[ \t]*:/i.test(line));
  const lines = hasHost ? headers : [`Host: ${parsed.host}`, ...headers];
  return `${method} ${target} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}
