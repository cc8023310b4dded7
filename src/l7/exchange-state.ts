import type { ExchangeClient } from './exchange-client.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { RequestHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import { MessageWriter } from './message-writer.ts';
import { RequestBody } from './request-body.ts';
import { ResponseWriter } from './response-writer.ts';
import { Routing } from './routing.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** The stage that an exchange is in, as the access log names it. */
export type Phase = 'route' | 'connect' | 'send' | 'wait' | 'relay' | 'tunnel' | 'over';

/** What the stages of an exchange know in common. One per client connection, reused. */
export class ExchangeState {
  readonly context: HttpContext;
  readonly client: ExchangeClient;
  readonly head = new RequestHead();
  readonly routing: Routing;
  readonly body = new RequestBody();
  readonly toUpstream = new MessageWriter();
  readonly toClient = new ResponseWriter();
  readonly record: ExchangeRecord;
  phase: Phase = 'over';
  /** The connection that the request is on, or is to go to. Set by the delivery alone. */
  connection: UpstreamConnection | null = null;
  /** Monotonic milliseconds, while what was just read from the node is dealt with; else 0. */
  readAt = 0;

  constructor(context: HttpContext, client: ExchangeClient) {
    this.context = context;
    this.client = client;
    this.routing = new Routing(context);
    this.record = new ExchangeRecord(context, this.routing);
  }

  /** Ready for the request whose head was read. */
  begin(): void {
    this.record.begin(this.context.plane.clock.now());
    this.routing.begin();
    this.body.begin(this.head);
    this.toClient.begin(this.client.socket, this.head.minor);
    this.phase = 'route';
    this.readAt = 0;
  }

  /** The moment of the read that is dealt with, else of the call. */
  now(): number {
    return this.readAt === 0 ? this.context.plane.clock.now() : this.readAt;
  }
}
