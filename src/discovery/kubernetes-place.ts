import { HeadgateError } from '../core/errors.ts';
import { readKubeconfig } from './kubeconfig.ts';
import type { KubernetesAccess } from './kubernetes-client.ts';
import type { Secret } from './tls-connector.ts';

/** What the configuration says; null for what it leaves out. */
export interface KubernetesPlace {
  readonly scheme: 'http' | 'https';
  readonly host: string | null;
  readonly port: number | null;
  readonly token: string | null;
  readonly tokenFile: string | null;
  readonly caFile: string | null;
  readonly kubeconfig: string | null;
  readonly context: string | null;
}

/** Where a pod finds its service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The access that the configuration describes: a kubeconfig, or an address with a token. What it leaves out is that of the
 * pod's own service account. Throws CONFIG_INVALID, with the remedy, when there is no address or a kubeconfig can't be used.
 */
export function kubernetesAccess(
  place: KubernetesPlace,
  environment: Readonly<Record<string, string | undefined>>,
): KubernetesAccess {
  if (place.kubeconfig !== null) return accessOf(readKubeconfig(place.kubeconfig, place.context), place);
  const host = place.host ?? environment.KUBERNETES_SERVICE_HOST;
  const port = place.port ?? environment.KUBERNETES_SERVICE_PORT ?? (place.host === null ? undefined : '443');
  if (!host || port === undefined) {
    throw invalid(
      'discovery.kubernetes has no address: outside a cluster set service.host and service.port, or kubeconfig',
    );
  }
  const server = URL.parse(`${place.scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`);
  if (!server) throw invalid(`discovery.kubernetes.service: "${host}" with the port ${port} is not an address`);
  const secure = place.scheme === 'https';
  return {
    server,
    token: tokenOf(place, secure),
    ca: secure ? caOf(place) : null,
    clientCertificate: null,
    serverName: null,
    verify: true,
  };
}

/** The token of a pod is not sent where everyone on the way can read it, unless it is named. */
function tokenOf(place: KubernetesPlace, secure: boolean): Secret | null {
  if (place.token !== null) return { text: place.token };
  if (place.tokenFile !== null) return { file: place.tokenFile };
  return secure ? { file: `${ACCOUNT}/token` } : null;
}

/** With an address of its own, and no ca_file, the server's certificate is one that anybody can check. */
function caOf(place: KubernetesPlace): Secret | null {
  if (place.caFile !== null) return { file: place.caFile };
  return place.host === null ? { file: `${ACCOUNT}/ca.crt` } : null;
}

function accessOf(config: KubernetesAccess, place: KubernetesPlace): KubernetesAccess {
  const token =
    place.token !== null ? { text: place.token } : place.tokenFile !== null ? { file: place.tokenFile } : null;
  return {
    ...config,
    token: token ?? config.token,
    ca: place.caFile !== null ? { file: place.caFile } : config.ca,
  };
}

function invalid(message: string): HeadgateError {
  return new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
}
