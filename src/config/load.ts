import { explain } from './explain.ts';
import { normalise } from './normalise.ts';
import type { Finding, Problem } from './problem.ts';
import { readConfigFile } from './read.ts';
import { judgeDocument } from './rules/rules.ts';
import { documentSchema } from './schema/document.ts';
import { shapeOf } from './shape.ts';
import type { Document, DocumentInput } from './types.ts';
import { parseYaml } from './yaml/parse.ts';
import type { Environment } from './yaml/substitute.ts';

/** A whole configuration, or everything that is wrong with it. Problems are in the order of the file. */
export type LoadResult =
  | { readonly ok: true; readonly document: Document; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads and checks a configuration file. Never throws for what the file holds, or for its absence. */
export async function loadFile(file: string, environment: Environment): Promise<LoadResult> {
  const read = await readConfigFile(file);
  return read.ok ? loadText(read.text, file, environment) : { ok: false, problems: [read.problem] };
}

/** The same for a text; `file` is the name that problems show. An empty text is a configuration of defaults alone. */
export function loadText(text: string, file: string, environment: Environment): LoadResult {
  const parsed = parseYaml(text, file, environment);
  if (parsed.problems.length > 0) return { ok: false, problems: parsed.problems };
  const data = parsed.data ?? {};
  const wrong = explain(shapeOf(documentSchema), data);
  const judgement = judgeDocument(data, wrong);
  const place = (findings: readonly Finding[]) =>
    findings.map((finding) => parsed.source.place(data, finding)).sort(byPlace);
  const problems = place([...wrong, ...judgement.errors]);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, document: normalise(data as DocumentInput), warnings: place(judgement.warnings) };
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}
