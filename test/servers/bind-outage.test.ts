import { BIND_COMMAND, bindBinary, DnsServer } from '../support/dns-servers.ts';
import { DnsHarness } from '../support/drill/dns-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while a real BIND misbehaves', bindBinary(), BIND_COMMAND, (binary) => {
  outageDrill(() => DnsHarness.start(DnsServer.bind(binary)));
});
