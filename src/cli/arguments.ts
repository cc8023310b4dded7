import { parseArgs } from 'node:util';

/** A command line that can't be understood; the message says what is wrong with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `headgate run` was asked for on the command line. Undefined leaves it to the file or to the default. */
export interface RunOptions {
  readonly file: string | undefined;
  readonly listen: readonly string[] | undefined;
  readonly admin: string | undefined;
  readonly workers: string | undefined;
  readonly consul: readonly string[] | undefined;
  readonly autoRoute: string | undefined;
  readonly registry: string | undefined;
  readonly logLevel: string | undefined;
  readonly accessLog: string | undefined;
}

/** What `headgate explain` was asked. */
export interface ExplainOptions {
  readonly method: string;
  readonly url: string;
  /** Lines, each `Name: value`. */
  readonly headers: readonly string[];
  /** Address that the request would come from; undefined for this machine. */
  readonly client: string | undefined;
  /** Admin listener of the running gateway. */
  readonly admin: string;
  /** Prints the answer as it came. */
  readonly json: boolean;
}

/** What `headgate simulate` was asked. */
export interface SimulateOptions {
  readonly file: string;
  /** Where to draw the chart; undefined for nowhere. */
  readonly svg: string | undefined;
}

export type Command =
  | { readonly name: 'help' | 'version' | 'demo' }
  | { readonly name: 'check'; readonly file: string }
  | { readonly name: 'explain'; readonly options: ExplainOptions }
  | { readonly name: 'simulate'; readonly options: SimulateOptions }
  | { readonly name: 'run'; readonly options: RunOptions };

export const HELP = `headgate: a load balancer that follows your service registry

  headgate run [-c headgate.yaml] [flags]   run the gateway
  headgate check -c headgate.yaml           print every error of a configuration; exit code 1 if there is one
  headgate explain GET URL [-H LINE]…       how a running gateway would handle a request, with nothing sent: routes, nodes, pick;
                                            --client IP, --admin ADDRESS, --json
  headgate simulate FILE [--svg FILE]       play a scenario of nodes, load and failures through, without a network
  headgate demo                             a registry, three services and a gateway on this machine, to try out
  headgate version | help

Flags of run; without -c they are all that is needed:
  -c, --config FILE       configuration file; it is watched, and SIGHUP reads it again
      --consul URL        follow a Consul agent or server; may be given more than once. The ACL token is read
                          from CONSUL_HTTP_TOKEN
      --auto-route TEXT   also route Consul services without a headgate tag, such as "{service}.example.com"
      --registry ADDRESS  run the embedded registry there, such as 127.0.0.1:8500
      --listen ADDRESS    HTTP listener, default 0.0.0.0:9080; may be given more than once
      --admin ADDRESS     metrics and state, default 127.0.0.1:9180
      --workers N|auto    worker threads, default one per core
      --log-level LEVEL   debug, info, warn or error
      --access-log DEST   off, stdout or a file
`;

const RUN_FLAGS = {
  config: { type: 'string', short: 'c' },
  listen: { type: 'string', multiple: true },
  admin: { type: 'string' },
  workers: { type: 'string' },
  consul: { type: 'string', multiple: true },
  'auto-route': { type: 'string' },
  registry: { type: 'string' },
  'log-level': { type: 'string' },
  'access-log': { type: 'string' },
} as const;

/** Reads the arguments after `headgate`. Throws UsageError. */
export function parseCommand(args: readonly string[]): Command {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return { name: 'help' };
    case 'version':
    case '--version':
    case '-v':
      return { name: 'version' };
    case 'demo':
      parseFlags(rest, {});
      return { name: 'demo' };
    case 'check': {
      const file = parseFlags(rest, { config: RUN_FLAGS.config }).config;
      if (typeof file !== 'string') throw new UsageError('check needs a file: headgate check -c headgate.yaml');
      return { name: 'check', file };
    }
    case 'explain':
      return { name: 'explain', options: explainOptions(rest) };
    case 'simulate':
      return { name: 'simulate', options: simulateOptions(rest) };
    case 'run':
      if (rest.includes('--help') || rest.includes('-h')) return { name: 'help' };
      return { name: 'run', options: runOptions(rest) };
    default:
      throw new UsageError(`"${name}" is not a command: run, check, explain, simulate, demo, version and help are`);
  }
}

function runOptions(args: readonly string[]): RunOptions {
  const flags = parseFlags(args, RUN_FLAGS);
  const one = (key: keyof typeof RUN_FLAGS) => flags[key] as string | undefined;
  const many = (key: keyof typeof RUN_FLAGS) => flags[key] as string[] | undefined;
  return {
    file: one('config'),
    listen: many('listen'),
    admin: one('admin'),
    workers: one('workers'),
    consul: many('consul'),
    autoRoute: one('auto-route'),
    registry: one('registry'),
    logLevel: one('log-level'),
    accessLog: one('access-log'),
  };
}

const EXPLAIN_FLAGS = {
  header: { type: 'string', short: 'H', multiple: true },
  client: { type: 'string' },
  admin: { type: 'string' },
  json: { type: 'boolean' },
} as const;

function explainOptions(args: readonly string[]): ExplainOptions {
  const { values, positionals } = parsed(args, EXPLAIN_FLAGS, true);
  const [method, url, ...more] = positionals;
  if (method === undefined || url === undefined || more.length > 0) {
    throw new UsageError('explain needs a method and a URL: headgate explain GET http://api.example.com/orders/7');
  }
  return {
    method,
    url,
    headers: (values.header as string[] | undefined) ?? [],
    client: values.client as string | undefined,
    admin: (values.admin as string | undefined) ?? '127.0.0.1:9180',
    json: values.json === true,
  };
}

function simulateOptions(args: readonly string[]): SimulateOptions {
  const { values, positionals } = parsed(args, { svg: { type: 'string' } }, true);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new UsageError('simulate needs a file: headgate simulate scenario.yaml');
  return { file, svg: values.svg as string | undefined };
}

type Flags = NonNullable<Parameters<typeof parseArgs>[0]>['options'];

function parseFlags(args: readonly string[], options: NonNullable<Flags>): Record<string, unknown> {
  return parsed(args, options, false).values;
}

function parsed(
  args: readonly string[],
  options: NonNullable<Flags>,
  allowPositionals: boolean,
): { readonly values: Record<string, unknown>; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
