import { KubernetesHarness } from '../support/drill/kubernetes-harness.ts';
import { outageDrill } from '../support/drill/outage-drill.ts';
import { KUBERNETES_COMMAND, kubernetesBinary } from '../support/kubernetes.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite(
  'a gateway while a real Kubernetes API server misbehaves',
  kubernetesBinary(),
  KUBERNETES_COMMAND,
  (place) => {
    outageDrill(() => KubernetesHarness.start(place));
  },
);
