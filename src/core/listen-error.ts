import { HeadgateError, reasonOf } from './errors.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, the port is in use: stop it, or choose another port',
  EACCES: 'ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or choose another port',
  EADDRNOTAVAIL: 'no network interface of this machine has that address: name one of its own',
  ENOTFOUND: 'the host name has no address: name an IP address',
};

/** Why an address can't be listened on, and what to do about it. `key` is where the configuration names the address. */
export function listenError(address: string, key: string, error: NodeJS.ErrnoException): HeadgateError {
  const remedy = REMEDIES[error.code ?? ''];
  const text = remedy === undefined ? reasonOf(error) : `${remedy} under \`${key}\``;
  return new HeadgateError(`can't listen on ${address}: ${text}`, {
    code: 'LISTEN_FAILED',
    source: 'self',
    cause: error,
  });
}
