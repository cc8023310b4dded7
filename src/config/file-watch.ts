import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, realpathSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../core/clock.ts';
import type { Closable } from '../core/scope.ts';

/** Editors write in several steps; what follows within this time is one change. Milliseconds. */
const SETTLE_MS = 100;
/** In a directory where something is always written the look at the file is put off no longer. Milliseconds. */
const MAX_SETTLE_MS = 1_000;
/** For what the system does not report: network file systems, and directories that were away. Milliseconds. */
const POLL_MS = 2_000;

/**
 * Calls `onChange` after the content of `file` has changed, also when the file has gone or come back.
 *
 * Watches the directory rather than the file, since editors and Kubernetes put another file in its place, and the
 * directory of the file that a symbolic link leads to. Start it before the file is first read, so that no edit is lost
 * in between.
 */
export function watchFile(file: string, clock: Clock, onChange: () => void): Closable {
  const watcher = new FileWatch(file, clock, onChange);
  return watcher;
}

/** A directory under watch; `identity` tells it from another one that took its name. */
interface Watched {
  readonly identity: string;
  readonly watcher: FSWatcher;
}

class FileWatch implements Closable {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();
  #content: string | null;
  #settling: Timer | null = null;
  /** When the first event came that has not been looked into; only while settling. */
  #stirredAt = 0;
  #poll: Timer | null = null;
  #closed = false;

  constructor(file: string, clock: Clock, onChange: () => void) {
    this.#file = file;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#arm();
    this.#content = contentOf(file);
    this.#schedulePoll();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#settling?.cancel();
    this.#poll?.cancel();
    for (const directory of [...this.#watched.keys()]) this.#release(directory);
    return Promise.resolve();
  }

  #schedulePoll(): void {
    this.#poll = this.#clock.after(POLL_MS, () => {
      this.#check();
      if (!this.#closed) this.#schedulePoll();
    });
  }

  /** Each event puts the look at the file off, until the writer has paused. */
  #stir(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    if (this.#settling === null) this.#stirredAt = now;
    this.#settling?.cancel();
    const wait = Math.max(0, Math.min(SETTLE_MS, this.#stirredAt + MAX_SETTLE_MS - now));
    this.#settling = this.#clock.after(wait, () => {
      this.#settling = null;
      this.#check();
    });
  }

  #check(): void {
    if (this.#closed) return;
    this.#arm();
    if (this.#settling !== null) return;
    const content = contentOf(this.#file);
    if (content === this.#content) return;
    this.#content = content;
    this.#onChange();
  }

  /** Watches the directories that matter now, and no others. */
  #arm(): void {
    const wanted = directoriesOf(this.#file);
    for (const [directory, watched] of [...this.#watched]) {
      if (!wanted.has(directory) || identityOf(directory) !== watched.identity) this.#release(directory);
    }
    for (const directory of wanted) {
      if (!this.#watched.has(directory)) this.#watch(directory);
    }
  }

  #watch(directory: string): void {
    const identity = identityOf(directory);
    if (identity === null) return;
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#stir());
      watcher.on('error', () => this.#release(directory));
      this.#watched.set(directory, { identity, watcher });
    } catch {
      // Out of watches, or gone in this moment: the poll goes on.
    }
  }

  #release(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }
}

/** The directory of the name, and that of the file it leads to. */
function directoriesOf(file: string): ReadonlySet<string> {
  const directories = new Set([dirname(file)]);
  try {
    directories.add(dirname(realpathSync(file)));
  } catch {
    // No such file now.
  }
  return directories;
}

function identityOf(directory: string): string | null {
  const stats = statSync(directory, { throwIfNoEntry: false });
  return stats ? `${stats.dev} ${stats.ino}` : null;
}

/** A digest of the content; null when there is no readable file. */
function contentOf(file: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64');
  } catch {
    return null;
  }
}
