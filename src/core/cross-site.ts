import type { IncomingHttpHeaders } from 'node:http';

/**
 * Why a request must be refused because a browser marks it as another site's (`Origin`, `Sec-Fetch-Site`); null when it
 * may pass. A page in the operator's browser can send requests to loopback addresses: for listeners there the marks, and
 * a check of `Host` against DNS rebinding, are what keeps it out.
 */
export function crossSiteRefusal({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): string | null {
  if (origin !== undefined && origin.toLowerCase() !== `http://${(host ?? '').toLowerCase()}`) {
    return `requests from web pages of ${origin} are refused`;
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return 'requests from web pages of other sites are refused';
  }
  return null;
}
