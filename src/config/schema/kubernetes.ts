import { Type } from 'typebox';
import { count, flag, port, seconds, strict, text, withDefault } from './field.ts';
import { WEIGHT_MAX } from './node.ts';
import { longQuestion } from './registry-timeouts.ts';

const serviceSchema = strict(
  {
    schema: withDefault(Type.Enum(['https', 'http'], { description: 'How to speak with the API server.' }), 'https'),
    host: Type.Optional(text('Address of the API server. Without it that of the cluster that Headgate runs in.')),
    port: Type.Optional(port('Port of the API server. Without it 443, or that of the cluster that Headgate runs in.')),
  },
  'Where the API server is.',
);

const clientSchema = strict(
  {
    token: Type.Optional(text('Token to be known by; best taken from the environment.', { secret: true })),
    token_file: Type.Optional(
      text('File with the token, read for each question. Without it, over https, that of the pod’s service account.'),
    ),
    ca_file: Type.Optional(
      text(
        'Certificate authority of the API server, in PEM. Without it that of the pod’s service account, or with `service.host` those that Node.js trusts.',
      ),
    ),
  },
  'Who to be at the API server, and which one to trust.',
);

const expressions = (description: string) =>
  withDefault(Type.Array(text('A regular expression.'), { uniqueItems: true, description }), []);

const namespaceSchema = strict(
  {
    equal: Type.Optional(text('Only this namespace.')),
    not_equal: Type.Optional(text('All but this namespace.')),
    match: expressions('Regular expressions, of which the namespace must match one.'),
    not_match: expressions('Regular expressions, of which the namespace must match none.'),
  },
  'Namespaces whose services may be used: all, unless a condition is stated.',
);

const timeoutSchema = strict(
  {
    connect: withDefault(seconds('Longest wait for a connection to the API server.'), 2),
    read: withDefault(seconds('Longest wait for a list.'), 10),
    watch: longQuestion('After this a watch is asked for anew.', 3600),
  },
  'How long to wait for the API server.',
);

export const kubernetesSchema = strict(
  {
    service: withDefault(serviceSchema, {}),
    client: withDefault(clientSchema, {}),
    kubeconfig: Type.Optional(text('A kubeconfig file in place of `service`.')),
    context: Type.Optional(text('Context of the kubeconfig. Without it the current one.')),
    namespace_selector: withDefault(namespaceSchema, {}),
    label_selector: Type.Optional(
      text('Only Services and EndpointSlices with these labels, such as `team=shop,stage!=test`.'),
    ),
    watch_scope: withDefault(
      Type.Enum(['namespace', 'cluster'], {
        description: 'One watch for each namespace with a wanted service, or one for the whole cluster.',
      }),
      'namespace',
    ),
    auto_routes: withDefault(flag('Whether Services with annotations `headgate.io/…` get routes.'), false),
    default_weight: withDefault(count('Weight of each endpoint.', 0, WEIGHT_MAX), 1),
    concurrency: withDefault(count('Lists under way at once.', 1, 1024), 8),
    timeout: withDefault(timeoutSchema, {}),
  },
  'Services from the EndpointSlices of a Kubernetes cluster.',
);
