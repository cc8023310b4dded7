/** One thing that an instance asks for: the requests to one host and path, or the connections to one TCP port or TLS server name. */
export type RouteClaim = HttpClaim | TcpClaim;

export interface HttpClaim {
  readonly kind: 'http';
  /** Lower case, exact or with a leading `*.`; null matches every host. */
  readonly host: string | null;
  /** An exact path, or a prefix that ends in `*`, as `uri` in APISIX. */
  readonly uri: string;
  /** Upper case, sorted; empty matches every method. */
  readonly methods: readonly string[];
  readonly priority: number;
  /** Taken off the front of the path before it goes to the node; what is left begins with `/`. Null leaves the path. */
  readonly stripPrefix: string | null;
}

export interface TcpClaim {
  readonly kind: 'tcp';
  /** Null for every port; then there is a name. */
  readonly port: number | null;
  /** Name that TLS clients ask for: lower case, exact or with a leading `*.`; null matches every connection. */
  readonly sni: string | null;
}

/** A tag that could not be used as it stands. */
export interface TagWarning {
  readonly service: string;
  /** The tag, or the key and value of the metadata. */
  readonly tag: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** Host and path for instances that name neither; from the `auto_route` template of their source. */
export interface DefaultRoute {
  readonly host: string | null;
  readonly uri: string;
}

/** Identifies a claim among those of one service; stable over time and readable. */
export function claimKey(claim: RouteClaim): string {
  if (claim.kind === 'tcp') return tcpKey(claim);
  const parts = [`${claim.host ?? ''}${claim.uri}`];
  if (claim.methods.length > 0) parts.push(`methods=${claim.methods.join(',')}`);
  if (claim.priority !== 0) parts.push(`priority=${claim.priority}`);
  if (claim.stripPrefix !== null) parts.push(`strip=${claim.stripPrefix}`);
  return parts.join(';');
}

/** `tcp:5432`, `sni:db.example.com`, `tcp:5432;sni=db.example.com`. */
function tcpKey({ port, sni }: TcpClaim): string {
  if (port === null) return `sni:${sni}`;
  return sni === null ? `tcp:${port}` : `tcp:${port};sni=${sni}`;
}
