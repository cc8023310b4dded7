/** An instance as Eureka writes it down. */
export function eurekaEntry(port: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    instanceId: `web-${port}`,
    hostName: 'localhost',
    app: 'WEB',
    ipAddr: '127.0.0.1',
    status: 'UP',
    overriddenStatus: 'UNKNOWN',
    port: { $: port, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    metadata: { '@class': 'java.util.Collections$EmptyMap' },
    lastUpdatedTimestamp: '1000',
    actionType: 'ADDED',
    ...fields,
  };
}

/** An answer with these instances of one application. */
export function eurekaAnswer(instances: readonly unknown[], hash: string, version = 1, name = 'WEB'): object {
  const application = instances.length === 0 ? [] : [{ name, instance: instances }];
  return { applications: { versions__delta: String(version), apps__hashcode: hash, application } };
}
