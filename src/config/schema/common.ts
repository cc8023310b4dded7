import { Type } from 'typebox';
import { seconds, strict, text, texts } from './field.ts';

/** Fields that several resources share. */

const ID_PATTERN = '^[a-zA-Z0-9-_.]+$';

function identifier(description: string) {
  return Type.Union(
    [
      Type.String({ minLength: 1, maxLength: 64, pattern: ID_PATTERN, expects: 'letters, digits, "-", "_" and "."' }),
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    ],
    { description },
  );
}

export const id = identifier('Unique among the resources of its kind; a number is read as text.');
export const upstreamId = identifier('`id` of the upstream that takes the traffic.');
export const serviceId = identifier('`id` of the service whose settings apply where this one sets none.');

/** Who and what a resource is, for people. */
export const about = {
  name: Type.Optional(text('Name for people; need not be unique.', { maxLength: 256 })),
  desc: Type.Optional(Type.String({ maxLength: 256, description: 'What it is for, in free text.' })),
  labels: Type.Optional(texts('Free key and value pairs to group resources by.')),
};

export const hosts = Type.Array(text('An exact name, or `*.` and the rest of the name.'), {
  uniqueItems: true,
  description: 'Hosts that match, each exact or with a leading `*.`. Empty: every host.',
});

export const remoteAddress = text(
  'Client address or CIDR range that matches; short for `remote_addrs` with one entry.',
);
export const remoteAddresses = Type.Array(text('An IP address or a CIDR range.'), {
  uniqueItems: true,
  description: 'Client addresses or CIDR ranges that match. Empty: every client.',
});

export const routeTimeout = strict(
  {
    connect: Type.Optional(seconds('Longest wait for a connection to a node.')),
    send: Type.Optional(seconds('Longest pause between two writes to a node.')),
    read: Type.Optional(seconds('Longest pause between two reads from a node.')),
  },
  'Timeouts in place of those of the upstream; one that is left out stays as it is there.',
);
