import { text } from './field.ts';

const EITHER = 'PEM text, or the path of a file that is read again when it changes.';

/** A certificate with its chain, or authorities. */
export function certificate(description: string) {
  return text(`${description} ${EITHER}`);
}

export function privateKey(description: string) {
  return text(`${description} ${EITHER}`, { secret: true });
}
