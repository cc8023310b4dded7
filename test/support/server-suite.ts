import { describe, it } from 'node:test';

/**
 * A suite against a real server. Where the server is not installed the suite is skipped and says how to install it; in CI
 * (`CI=true`) its absence is a failure, so that a suite can't stop running unnoticed.
 */
export function serverSuite(
  name: string,
  binary: string | null,
  enableCommand: string,
  body: (binary: string) => void,
): void {
  if (binary !== null) return void describe(name, () => body(binary));
  const remedy = `the server is not installed: run \`${enableCommand}\``;
  if (process.env.CI !== 'true') return void describe(name, { skip: remedy }, () => {});
  describe(name, () => {
    it('has its server', () => {
      throw new Error(remedy);
    });
  });
}
