import { Type } from 'typebox';
import { count, seconds, strict, text, withDefault } from './field.ts';
import { WEIGHT_MAX } from './node.ts';
import { consulTimeouts, longQuestion } from './registry-timeouts.ts';

const weight = withDefault(count('Weight of a node that states none.', 0, WEIGHT_MAX), 1);
const servers = (description: string, fallback: string) =>
  withDefault(
    Type.Array(text('A base URL.'), {
      minItems: 1,
      uniqueItems: true,
      description: `${description}; the next one is asked when one fails.`,
    }),
    [fallback],
  );

export const fileSchema = strict(
  {
    path: text('Directory with a file for each service: `web.yaml`, `web.json`.'),
    weight,
    interval: withDefault(seconds('The directory is looked at this often even if the system reports no change.'), 5),
  },
  'Node lists from files, in the format of Prometheus’ `file_sd`.',
);

export const consulKvSchema = strict(
  {
    servers: servers('Base URLs of Consul agents or servers', 'http://127.0.0.1:8500'),
    token: Type.Optional(text('ACL token that is sent with every question.', { secret: true })),
    token_file: Type.Optional(text('File with the token in place of `token`, read for each question.')),
    datacenter: Type.Optional(text('Datacenter to ask for. Without it that of the agent.')),
    prefix: withDefault(text('Begins every key that counts.'), 'upstreams/'),
    weight,
    timeout: withDefault(consulTimeouts, {}),
  },
  'Node lists from Consul’s key-value store.',
);

export const etcdSchema = strict(
  {
    servers: servers('Base URLs of the members of the cluster', 'http://127.0.0.1:2379'),
    user: Type.Optional(text('User to log in as.')),
    password: Type.Optional(text('Password of the user; best taken from the environment.', { secret: true })),
    ca_file: Type.Optional(text('Certificate authority of the members, in PEM.')),
    cert_file: Type.Optional(text('Client certificate, in PEM.')),
    key_file: Type.Optional(text('Key of the client certificate, in PEM.')),
    prefix: withDefault(text('Begins every key that counts.'), '/headgate/upstreams/'),
    weight,
    timeout: withDefault(
      strict(
        {
          connect: withDefault(seconds('Longest wait for a connection to a member.'), 2),
          read: withDefault(seconds('Longest wait for an answer.'), 5),
          watch: longQuestion('A watch that has been silent for so long is asked for anew.', 600),
        },
        'How long to wait for etcd.',
      ),
      {},
    ),
  },
  'Node lists from etcd, over its JSON gateway.',
);
