import { Type } from 'typebox';
import { certificate, privateKey } from './certificate.ts';
import { about, id } from './common.ts';
import { strict, text, withDefault } from './field.ts';

const NAME = 'A server name, exact or with a leading `*.`.';

export const sslSchema = strict(
  {
    id,
    ...about,
    status: withDefault(
      Type.Enum([1, 0], { description: '1 when the certificate is in use, 0 when it is switched off.' }),
      1,
    ),
    sni: Type.Optional(text('Server name that the certificate is for; short for `snis` with one entry.')),
    snis: Type.Optional(
      Type.Array(text(NAME), {
        uniqueItems: true,
        minItems: 1,
        description: 'Server names that the certificate is for, each exact or with a leading `*.`.',
      }),
    ),
    cert: certificate('Certificate, with its chain.'),
    key: privateKey('Key of `cert`.'),
  },
  'A certificate for listeners that end TLS.',
);
