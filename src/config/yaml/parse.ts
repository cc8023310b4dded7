import { type Document, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from '../problem.ts';
import { Source } from './source.ts';
import type { Environment } from './substitute.ts';
import { DataReader } from './to-data.ts';

/** A text as plain data, with the places of its values; `problems` is empty when all of it could be read. */
export interface Parsed {
  readonly data: unknown;
  readonly source: Source;
  readonly problems: readonly Problem[];
}

/** The parser recurses, and reports the end of the stack like any other error. */
const STACK_OVERFLOW = /call stack|Stack overflow/;

/** Reads YAML 1.2 with the core schema: no merge keys, no tags of its own kind. JSON is YAML too. */
export function parseYaml(text: string, file: string, environment: Environment): Parsed {
  const lines = new LineCounter();
  const source = new Source(file, lines);
  const document = parse(text, lines);
  if (document === null) {
    const problem = { file, line: 1, column: 1, path: '', message: 'is nested too deeply', hint: '' };
    return { data: null, source, problems: [problem] };
  }
  // A tag that is not known is a mere warning to the parser, and its value would be read as if it were not there.
  const errors = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (errors.length > 0) {
    const overflow = errors.find((error) => STACK_OVERFLOW.test(error.message));
    const problems = overflow
      ? [source.problemAt(overflow.pos[0], [], 'is nested too deeply', '')]
      : errors.map(({ pos, code, message }) =>
          source.problemAt(pos[0], [], sentence(code, message), hintAt(text, pos[0])),
        );
    return { data: null, source, problems };
  }
  const reader = new DataReader(source, environment);
  const data = reader.read(document.contents as Node | null);
  return { data, source, problems: reader.problems };
}

/** Null when the nesting is too deep for the parser, which recurses. */
function parse(text: string, lines: LineCounter): Document | null {
  try {
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      // The reader looks for duplicate keys itself: the parser compares each key with all before it.
      uniqueKeys: false,
      strict: true,
      prettyErrors: false,
      lineCounter: lines,
      // Anything quieter hides a second document.
      logLevel: 'error',
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The commonest slip that YAML's own messages do not explain. */
function hintAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', start);
  const line = text.slice(start, end < 0 ? text.length : end);
  return /[[{].*\$\{/.test(line) ? 'inside [ ] and { } put a value with a variable in quotes' : '';
}

function sentence(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'there must be one document in a file';
  const line = message.replace(/\s+/g, ' ').trim();
  return `not valid YAML: ${line}`;
}
