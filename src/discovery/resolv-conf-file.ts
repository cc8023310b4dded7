import { readFileSync } from 'node:fs';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { parseResolvConf, type ResolverSettings } from './resolv-conf.ts';

/** Calls back after the content of a file has changed. */
export type WatchFile = (file: string, onChange: () => void) => Closable;

const NOTHING: ResolverSettings = { servers: [], search: [], ndots: 1 };

/** What a resolv.conf says now. One that goes away or loses its servers leaves what was known in force. */
export class ResolvConfFile implements Closable {
  readonly #file: string;
  readonly #log: Log;
  readonly #needsServers: boolean;
  readonly #watch: Closable;
  #settings = NOTHING;

  /** `needsServers`: a file that names no server is of no use. */
  constructor(file: string, needsServers: boolean, watchFile: WatchFile, log: Log, onChange: () => void) {
    this.#file = file;
    this.#log = log;
    this.#needsServers = needsServers;
    this.#watch = watchFile(file, () => {
      if (this.#read()) onChange();
    });
    this.#read();
  }

  get settings(): ResolverSettings {
    return this.#settings;
  }

  close(deadline: number): Promise<void> {
    return this.#watch.close(deadline);
  }

  #read(): boolean {
    const file = this.#file;
    try {
      const settings = parseResolvConf(readFileSync(file, 'utf8'));
      if (this.#needsServers && settings.servers.length === 0) throw new Error('it names no nameserver');
      this.#settings = settings;
      return true;
    } catch (error) {
      this.#log.warn('discovery.resolv-conf', `${file} is of no use, what was known before stays: ${reasonOf(error)}`, {
        file,
      });
      return false;
    }
  }
}
