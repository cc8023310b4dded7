/** A proxy that runs out of descriptors: started under a low limit, it prints its port, then its state when asked. */
import { Outcome } from '../../src/balancers/types.ts';
import { ListenerField, NodeField, streamEndField } from '../../src/telemetry/counters.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import { TcpPlane } from './tcp-plane.ts';

const plane = await new TcpPlane({ ports: [Number(process.argv[2])] }).start();
process.send?.({ port: plane.port });
process.on('message', () => {
  process.send?.({
    inflight: plane.inflight,
    connections: plane.listener.connections,
    refused: plane.count(ListenerField.refusedNode),
    short: plane.route(streamEndField(StreamEnd.shortage)),
    blamed: plane.node(0, NodeField.outcome + Outcome.connectFailure),
    demoted: plane.table.demotedUntil(0) > 0,
  });
});
process.on('disconnect', () => process.exit());
