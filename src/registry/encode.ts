import { formatDuration } from './durations.ts';
import type { Check, CheckSource, Service } from './model.ts';

/** Writes a service as the body of the registration that it came from. */
export function encodeService(service: Service): Record<string, unknown> {
  return {
    ID: service.id,
    Name: service.name,
    Address: service.address,
    Port: service.port,
    Tags: service.tags,
    Meta: service.meta,
    Weights: { Passing: service.weights.passing, Warning: service.weights.warning },
    TaggedAddresses: service.taggedAddresses,
    EnableTagOverride: service.enableTagOverride,
  };
}

/** Writes a check as it would be registered now, with the status that it has. */
export function encodeCheck({ definition, status }: Check): Record<string, unknown> {
  return {
    CheckID: definition.id,
    Name: definition.name,
    Notes: definition.notes,
    Status: status,
    DeregisterCriticalServiceAfter: formatDuration(definition.deregisterAfter),
    FailuresBeforeCritical: definition.failuresBeforeCritical,
    SuccessBeforePassing: definition.successBeforePassing,
    ...encodeSource(definition.source),
  };
}

function encodeSource(source: CheckSource): Record<string, unknown> {
  switch (source.kind) {
    case 'ttl':
      return { TTL: formatDuration(source.ttl) };
    case 'tcp':
      return { TCP: source.target, Interval: formatDuration(source.interval), Timeout: formatDuration(source.timeout) };
    case 'http':
      return {
        HTTP: source.url,
        Method: source.method,
        Header: source.headers,
        Body: source.body,
        TLSSkipVerify: source.skipTlsVerify,
        Interval: formatDuration(source.interval),
        Timeout: formatDuration(source.timeout),
      };
    case 'maintenance':
      return {};
  }
}
