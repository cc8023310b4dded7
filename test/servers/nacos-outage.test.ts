import { NacosHarness } from '../support/drill/nacos-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { NACOS_COMMAND, nacosHome } from '../support/nacos.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while a real Nacos misbehaves', nacosHome(), NACOS_COMMAND, (place) => {
  outageDrill(() => NacosHarness.start(place));
});
