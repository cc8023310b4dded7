import { type Address, formatAddress } from '../core/address.ts';
import type { DemoInstance } from './demo-services.ts';

/** Where the parts of the demo can be reached. */
export interface DemoPlaces {
  readonly http: Address;
  readonly admin: Address;
  readonly registry: Address;
  readonly instances: readonly DemoInstance[];
}

/** What to try, for a terminal of 80 columns. */
export function renderDemoScreen(places: DemoPlaces): string {
  const http = `http://${formatAddress(places.http)}`;
  const admin = `http://${formatAddress(places.admin)}`;
  const registry = `http://${formatAddress(places.registry)}`;
  const victim = places.instances.find(({ id }) => id === 'hello-2') ?? places.instances[0];
  const lines = [
    `Headgate is running: ${http}  registry ${registry}`,
    '',
    ...instanceLines(places.instances),
    '',
    'Try, in another terminal:',
    '',
    '1. See requests go to the instances in turn',
    `   for i in 1 2 3 4; do curl -s ${http}/; done`,
    `   curl ${http}/time`,
    '',
  ];
  if (victim) {
    lines.push(
      `2. Crash ${victim.id}: its clients notice nothing`,
      `   curl -X POST http://${formatAddress(victim.address)}/stop`,
      '   or take it out of the registry',
      `   curl -X PUT ${registry}/v1/agent/service/deregister/${victim.id}`,
      '',
    );
  }
  lines.push(
    '3. Add a service of your own: register it, and it has a route',
    '   python3 -m http.server 8000 --bind 127.0.0.1 &',
    `   curl -X PUT ${registry}/v1/agent/service/register -d \\`,
    `   '{"Name":"mine","Port":8000,`,
    `     "Tags":["headgate.path=/mine/*","headgate.strip=true"]}'`,
    `   curl ${http}/mine/`,
    '',
    '4. Look inside',
    `   curl ${admin}/v1/upstreams`,
    `   curl ${admin}/metrics`,
    '',
    'Ctrl-C ends the demo.',
  );
  return `${lines.join('\n')}\n`;
}

function instanceLines(instances: readonly DemoInstance[]): string[] {
  return instances.map(({ id, service, address }) => {
    return `  ${service.padEnd(8)}${id.padEnd(10)}${formatAddress(address)}`;
  });
}
