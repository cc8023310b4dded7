/** A proxy that runs out of descriptors: started under a low limit, it prints its port, then its state when asked. */
import { Outcome } from '../../src/balancers/types.ts';
import { ListenerField, NodeField } from '../../src/telemetry/counters.ts';
import { TcpPlane } from './tcp-plane.ts';

const plane = await new TcpPlane({ ports: [Number(process.argv[2])] }).start();
process.send?.({ port: plane.port });
process.on('message', () => {
  process.send?.({
    inflight: plane.inflight,
    connections: plane.listener.connections,
    refused: plane.count(ListenerField.refusedNode),
    blamed: plane.node(0, NodeField.outcome + Outcome.connectFailure),
    demoted: plane.table.demotedUntil(0) > 0,
  });
});
process.on('disconnect', () => process.exit());
