import type { HeadgateError } from '../../src/core/errors.ts';
import { Mailbox } from './mailbox.ts';

export type Told<T> =
  | { readonly kind: 'set'; readonly members: readonly T[]; readonly doubt: string | null | undefined }
  | { readonly kind: 'fail'; readonly error: HeadgateError };

/** A sink of an adapter: what it was told, in order. */
export class RecordingSink<T> {
  readonly told = new Mailbox<Told<T>>();

  set(members: readonly T[], doubt?: string | null): void {
    this.told.put({ kind: 'set', members, doubt });
  }

  fail(error: HeadgateError): void {
    this.told.put({ kind: 'fail', error });
  }

  /** The next thing told, which must be a set. */
  async nextSet(): Promise<readonly T[]> {
    const told = await this.told.next();
    if (told.kind === 'fail') throw told.error;
    return told.members;
  }

  /** The next thing told, which must be a failure. */
  async nextFailure(): Promise<HeadgateError> {
    const told = await this.told.next();
    if (told.kind === 'set') throw new Error(`a set of ${told.members.length} instead of a failure`);
    return told.error;
  }
}
