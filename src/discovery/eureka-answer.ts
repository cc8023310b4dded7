import { isObject } from '../core/json.ts';
import { answerError } from './json-body.ts';

/** An instance as Eureka lists it. Nothing is judged here but the shape. */
export interface EurekaInstance {
  /** Upper case, as Eureka keeps it. */
  readonly app: string;
  /** Its place in the list, such as `#3`, where it has none. */
  readonly id: string;
  /** `UNKNOWN` where it has none. */
  readonly status: string;
  /** Why it can't be used, whatever its status says: it is not what Eureka lists. Null when it is. */
  readonly fault: string | null;
  /** `ADDED`, `MODIFIED` or `DELETED`: a deleted one still says that it is UP. */
  readonly action: string;
  readonly hosts: readonly unknown[];
  /** Null when it is switched off. */
  readonly port: unknown;
  readonly securePort: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds of the server's clock at which the registry last changed the instance; 0 when it does not say. */
  readonly updatedAt: number;
  /** Milliseconds of the server's clock at which the lease ends; null when it does not say. */
  readonly leaseEnd: number | null;
}

export interface EurekaApps {
  readonly instances: readonly EurekaInstance[];
  /** How many instances have each status: `DOWN_1_UP_2_`. */
  readonly hash: string;
  /** Counts the deltas that this run of the server has made. */
  readonly version: number;
}

/**
 * Reads the answer of `/apps` or `/apps/delta`. Throws DISCOVERY_ANSWER when it does not have the shape of Eureka's. An instance
 * that does not have it must not keep the others from being followed; of an application without a name nobody knows whose
 * instances are missing then, so that it makes the whole answer bad.
 *
 * Numbers and flags may be texts, and a list of one member may be that member: it is XML that is written as JSON.
 */
export function parseApps(body: unknown): EurekaApps {
  if (!isObject(body) || !isObject(body.applications)) {
    throw answerError('answered without "applications": is the prefix right, and does it speak JSON?');
  }
  const { application, apps__hashcode: hash, versions__delta: version } = body.applications;
  if (typeof hash !== 'string') throw answerError('answered without "apps__hashcode"');
  const instances = listOf(application, '"application"').flatMap((app, position) => {
    if (!isObject(app) || typeof app.name !== 'string' || app.name === '') {
      throw answerError(`answered something odd: application ${position} has no name`);
    }
    const name = app.name.toUpperCase();
    return listOf(app.instance, `the instances of ${name}`).map((instance, place) =>
      readInstance(name, instance, place),
    );
  });
  return { instances, hash, version: numberOf(version) ?? 0 };
}

/** The hash of a set of instances, computed as Eureka does. */
export function hashOf(instances: Iterable<EurekaInstance>): string {
  const counts = new Map<string, number>();
  for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([status, count]) => `${status}_${count}_`).join('');
}

function readInstance(app: string, value: unknown, place: number): EurekaInstance {
  const instance = isObject(value) ? value : {};
  const { instanceId, hostName, ipAddr, status, actionType, metadata, dataCenterInfo, leaseInfo } = instance;
  // Servers before 1.3 know no instanceId.
  const id = instanceId ?? hostName;
  const named = typeof id === 'string' && id !== '';
  const fault = named ? (typeof status === 'string' ? null : 'has no status') : 'has no id';
  return {
    app,
    id: named ? id : `#${place}`,
    status: typeof status === 'string' ? status : 'UNKNOWN',
    fault: isObject(value) ? fault : 'is not an object',
    action: typeof actionType === 'string' ? actionType : 'ADDED',
    hosts: [ipAddr, hostName],
    port: enabledPort(instance.port),
    securePort: enabledPort(instance.securePort),
    metadata: readMetadata(metadata, dataCenterInfo),
    updatedAt: numberOf(instance.lastUpdatedTimestamp) ?? 0,
    leaseEnd: leaseEndOf(leaseInfo),
  };
}

/** The instance's own metadata; the zone of the data centre where the instance names none. */
function readMetadata(metadata: unknown, dataCentre: unknown): Record<string, string> {
  const read = new Map<string, string>();
  const around = isObject(dataCentre) && isObject(dataCentre.metadata) ? dataCentre.metadata : {};
  if (typeof around['availability-zone'] === 'string') read.set('zone', around['availability-zone']);
  for (const [key, value] of Object.entries(isObject(metadata) ? metadata : {})) {
    // "@class" is how the server writes down that there is none.
    if (key.startsWith('@') || key === '__proto__') continue;
    if (typeof value === 'string') read.set(key, value);
    else if (typeof value === 'number' || typeof value === 'boolean') read.set(key, String(value));
  }
  return Object.fromEntries(read);
}

function enabledPort(port: unknown): unknown {
  if (!isObject(port)) return numberOf(port);
  const enabled = port['@enabled'];
  return enabled === 'true' || enabled === true ? (numberOf(port.$) ?? port.$) : null;
}

/** The server adds the duration to the time of a renewal, and counts it once more from there. */
function leaseEndOf(lease: unknown): number | null {
  if (!isObject(lease)) return null;
  const renewed = numberOf(lease.lastRenewalTimestamp);
  const duration = numberOf(lease.durationInSecs);
  return renewed === null || duration === null || renewed <= 0 ? null : renewed + duration * 1000;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null) return [];
  if (isObject(value)) return [value];
  throw answerError(`answered something odd: ${what} is not a list`);
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}
