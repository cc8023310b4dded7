import { EurekaHarness } from '../support/drill/eureka-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { EUREKA_COMMAND, eurekaJar } from '../support/eureka.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while a real Eureka misbehaves', eurekaJar(), EUREKA_COMMAND, (place) => {
  outageDrill(() => EurekaHarness.start(place));
});
