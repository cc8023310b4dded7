/** Where a value stands in a document: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** Something wrong with a configuration, for people. `line` and `column` count from 1; 0 when there is no such place. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `routes[3].upstream.nodes`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What to do about it; empty when the message says it. */
  readonly hint: string;
}

/** A finding before it has a place in a file. `on` tells whether the key or its value is at fault. */
export interface Finding {
  readonly path: Path;
  readonly on: 'key' | 'value';
  readonly message: string;
  readonly hint: string;
}

export function finding(path: Path, message: string, hint = '', on: Finding['on'] = 'value'): Finding {
  return { path, on, message, hint };
}

const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (PLAIN_KEY.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${quote(step)}]`;
  }
  return text;
}

/** `file:line:column: path: message (hint)`; parts that are missing are left out. */
export function formatProblem(problem: Problem, label = ''): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const parts = [place, label, problem.path, problem.message].filter((part) => part !== '');
  return parts.join(': ') + (problem.hint === '' ? '' : ` (${problem.hint})`);
}

const LONGEST_QUOTE = 60;

/** A text in quotes on one line, cut when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
