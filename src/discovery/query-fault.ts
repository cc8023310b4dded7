import { HeadgateError } from '../core/errors.ts';
import { untilAborted } from './deadline.ts';
import type { NodeSink, ServiceQuery } from './types.ts';

/** Why a service can't be asked for as it is written. */
export class QueryFault {
  /** Key of `discovery_args`; null for `service_name`. */
  readonly argument: string | null;
  /** Goes on behind the place: `is empty`. */
  readonly what: string;
  readonly remedy: string;

  constructor(argument: string | null, what: string, remedy: string) {
    this.argument = argument;
    this.what = what;
    this.remedy = remedy;
  }

  get message(): string {
    const place = this.argument === null ? 'service_name' : `discovery_args.${this.argument}`;
    return `${place} ${this.what}: ${this.remedy}`;
  }
}

/** The first argument that is none of these. `remedy` says which there are. */
export function unknownArgument({ args }: ServiceQuery, known: readonly string[], remedy: string): QueryFault | null {
  const unknown = Object.keys(args).find((key) => !known.includes(key));
  return unknown === undefined ? null : new QueryFault(unknown, 'is not known', remedy);
}

/** For registries that have nothing to filter. */
export function anyArgument(query: ServiceQuery): QueryFault | null {
  return unknownArgument(query, [], `there are none for ${query.source}`);
}

export function emptyName({ service }: ServiceQuery): QueryFault | null {
  return service === '' ? new QueryFault(null, 'is empty', 'give the name of the service') : null;
}

/** Tells the fault, and waits for the end of the watch: nothing but another configuration can help. */
export function refuseQuery(fault: QueryFault, sink: NodeSink, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) sink.fail(new HeadgateError(fault.message, { code: 'CONFIG_INVALID', source: 'self' }));
  return untilAborted(signal);
}
