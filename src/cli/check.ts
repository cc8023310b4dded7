import { loadFile } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { RESOURCE_KINDS } from '../config/schema/document.ts';
import type { Document } from '../config/types.ts';
import { defineResources } from '../control/definitions.ts';
import { PEM_NOW } from '../control/pem-files.ts';
import { HeadgateError } from '../core/errors.ts';

/** `headgate check`: prints everything that is wrong with a configuration file. Resolves with the exit code, 0 or 1. */
export async function check(file: string, out: { write(text: string): void }): Promise<number> {
  const result = await loadFile(file, process.env);
  if (!result.ok) {
    for (const problem of result.problems) out.write(`${formatProblem(problem)}\n`);
    out.write(`${file}: ${counted(result.problems.length, 'problem')}\n`);
    return 1;
  }
  const refusal = refusalOf(result.document);
  if (refusal !== null) {
    out.write(`${file}: ${refusal}\n${file}: 1 problem\n`);
    return 1;
  }
  for (const warning of result.warnings) out.write(`${formatProblem(warning, 'warning')}\n`);
  out.write(`${file}: ok (${contents(result.document)})\n`);
  return 0;
}

/** What a start would refuse that the file alone does not show: certificates that can't be read or used. */
function refusalOf(document: Document): string | null {
  try {
    defineResources(document, PEM_NOW);
    return null;
  } catch (error) {
    if (error instanceof HeadgateError) return error.message;
    throw error;
  }
}

function contents(document: Document): string {
  return RESOURCE_KINDS.map((kind) => counted(document[kind].length, kind.slice(0, -1).replace('_', ' '))).join(', ');
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
