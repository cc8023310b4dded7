export type ErrorSource = 'client' | 'upstream' | 'self';
/** `safe`: nothing was sent. `reused-only`: only if the connection was a kept-alive one that closed before any answer. */
export type RetryClass = 'never' | 'safe' | 'reused-only';

export interface ErrorFacts {
  /** Stable, upper snake case, for programs. */
  readonly code: string;
  readonly source: ErrorSource;
  readonly retry?: RetryClass;
  readonly cause?: unknown;
}

/** The one error class of the project: whose fault it is and whether trying again may help. */
export class HeadgateError extends Error {
  override readonly name = 'HeadgateError';
  readonly code: string;
  readonly source: ErrorSource;
  readonly retry: RetryClass;

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.source = facts.source;
    this.retry = facts.retry ?? 'never';
  }
}

/** The message of anything that was thrown, on one line, with the system's error code when it has one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  const text = error.message.replace(/\s+/g, ' ').trim() || error.name;
  const cause = error.cause instanceof Error ? `: ${reasonOf(error.cause)}` : '';
  return code && !text.includes(code) ? `${text} (${code})${cause}` : `${text}${cause}`;
}
