import { HeadgateError } from '../core/errors.ts';
import { explain } from './explain.ts';
import { normalise } from './normalise.ts';
import { formatPath } from './problem.ts';
import { judgeDocument } from './rules/rules.ts';
import { documentSchema } from './schema/document.ts';
import { shapeOf } from './shape.ts';
import type { Document, DocumentInput } from './types.ts';

/** The configuration of a start without a file: defaults alone. */
export function emptyDocument(): Document {
  return normalise({});
}

/**
 * A configuration from settings that did not come from a file, such as flags.
 * Throws a HeadgateError (`BAD_CONFIG`) that names every wrong setting.
 */
export function documentFrom(settings: DocumentInput): Document {
  const wrong = explain(shapeOf(documentSchema), settings);
  const findings = [...wrong, ...judgeDocument(settings, wrong).errors];
  if (findings.length > 0) {
    const lines = findings.map(({ path, message, hint }) => {
      const place = path.length > 0 ? `${formatPath(path)}: ` : '';
      return `${place}${message}${hint === '' ? '' : ` (${hint})`}`;
    });
    throw new HeadgateError(lines.join('; '), { code: 'BAD_CONFIG', source: 'self' });
  }
  return normalise(settings);
}
