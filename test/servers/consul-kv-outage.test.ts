import { CONSUL_COMMAND, consulBinary } from '../support/consul.ts';
import { ConsulKvHarness } from '../support/drill/consul-kv-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while the store of a real Consul misbehaves', consulBinary(), CONSUL_COMMAND, (binary) => {
  outageDrill(() => ConsulKvHarness.start(binary));
});
