/** A UDP proxy that runs out of descriptors: started under a low limit, it prints its port, then its state when asked. */
import { Outcome } from '../../src/balancers/types.ts';
import { ListenerField, streamEndField } from '../../src/telemetry/counters.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import { UdpPlane } from './udp-plane.ts';

const node = Number(process.argv[2]);
const plane = await new UdpPlane({ nodes: [node] }).start();
process.send?.({ port: plane.port });
process.on('message', () => {
  process.send?.({
    inflight: plane.inflight,
    sessions: plane.sessions,
    refused: plane.count(ListenerField.refusedNode),
    short: plane.route(streamEndField(StreamEnd.shortage)),
    blamed: plane.outcome(node, Outcome.connectFailure),
    demoted: plane.table.demotedUntil(plane.slotOf(node)) > 0,
    reasons: plane.log.events.map(({ fields }) => fields.reason),
  });
});
process.on('disconnect', () => process.exit());
