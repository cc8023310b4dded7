import { CONSUL_COMMAND, consulBinary } from '../support/consul.ts';
import { ConsulHarness } from '../support/drill/consul-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while a real Consul misbehaves', consulBinary(), CONSUL_COMMAND, (binary) => {
  outageDrill(() => ConsulHarness.start(binary));
});
