import { EtcdHarness } from '../support/drill/etcd-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { ETCD_COMMAND, etcdBinary } from '../support/etcd.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway while a real etcd misbehaves', etcdBinary(), ETCD_COMMAND, (binary) => {
  outageDrill(() => EtcdHarness.start(binary));
});
