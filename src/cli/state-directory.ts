import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/**
 * Where the gateway keeps what outlives a restart: `state_dir`, else the directory that systemd gives (`STATE_DIRECTORY`),
 * else the user's state directory of the XDG base directory specification. Null, with a warning, when it can't be written.
 */
export function stateDirectory(
  configured: string | undefined,
  environment: NodeJS.ProcessEnv,
  log: Log,
): string | null {
  const systemd = environment.STATE_DIRECTORY?.split(':')[0];
  const home = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  const directory = configured ?? (systemd || join(home, 'headgate'));
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK);
    return directory;
  } catch (error) {
    const text = `the state directory ${directory} can't be written (${reasonOf(error)}): last good node sets are not kept over a restart; set "state_dir"`;
    log.warn('state.unavailable', text, { directory });
    return null;
  }
}
