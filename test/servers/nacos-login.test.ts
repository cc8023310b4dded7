import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { NACOS_COMMAND, NacosServer, nacosHome } from '../support/nacos.ts';
import { followNacos as follow, nacosQuery as query } from '../support/nacos-follower.ts';
import { serverSuite } from '../support/server-suite.ts';

for (const oldApis of [true, false]) {
  const name = `a real Nacos with logins, ${oldApis ? 'with' : 'without'} the APIs of versions 1 and 2`;
  serverSuite(name, nacosHome(), NACOS_COMMAND, (home) => {
    const password = 'correct horse';
    let nacos: NacosServer;

    before(async () => {
      nacos = await NacosServer.start(home, ['nacos.core.auth.enabled=true'], oldApis);
      await nacos.setPassword(password);
      await nacos.register('web', 9000);
    });
    after(() => nacos?.stop());

    it('shows the service to the user, and says so when there is none or the password is wrong', async () => {
      const good = follow([nacos.address], { username: 'nacos', password });
      const wrong = follow([nacos.address], { username: 'nacos', password: 'wrong' });
      const nobody = follow([nacos.address]);
      try {
        for (const each of [good, wrong, nobody]) each.sets.want([query('web')]);
        await good.count(query('web'), 1);
        const refused = await wrong.until(query('web'), (set) => set.state === 'failed');
        assert.match(refused.reason ?? '', /the login failed: answered \d+: .*discovery\.nacos\.username/);
        const unknown = await nobody.until(query('web'), (set) => set.state === 'failed');
        assert.match(unknown.reason ?? '', /answered 403: .*discovery\.nacos\.username/);
      } finally {
        for (const each of [good, wrong, nobody]) await each.close();
      }
    });
  });
}
