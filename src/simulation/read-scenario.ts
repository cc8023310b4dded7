import { readFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { type Scenario, scenarioSchema } from './scenario.ts';
import { checkScenario } from './scenario-rules.ts';

/** Reads a scenario. Rejects with a HeadgateError that names the place. */
export async function readScenario(path: string): Promise<Scenario> {
  let data: unknown;
  try {
    data = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new HeadgateError(`${path}: ${reasonOf(error)}`, { code: 'SCENARIO', source: 'client', cause: error });
  }
  return scenarioFrom(data, path);
}

/** Throws a HeadgateError that names the place; `file` is what it begins with. */
export function scenarioFrom(data: unknown, file: string): Scenario {
  if (!Value.Check(scenarioSchema, data)) throw wrong(file, problemOf(data));
  const problem = checkScenario(data);
  if (problem !== null) throw wrong(file, problem);
  return data;
}

function problemOf(data: unknown): string {
  const errors = Value.Errors(scenarioSchema, data);
  // What is said first of an unknown field is less clear than what is said of the object that has it.
  const ofObject = errors.find(({ keyword }) => keyword === 'additionalProperties');
  const { instancePath = '', message = 'is not valid', params } = ofObject ?? errors[0] ?? {};
  const place = instancePath.slice(1).replaceAll('/', '.');
  const unknown = (params as { additionalProperties?: readonly string[] } | undefined)?.additionalProperties?.[0];
  const problem = unknown === undefined ? message : `there is no field "${unknown}"`;
  return place === '' ? problem : `${place}: ${problem}`;
}

function wrong(file: string, problem: string): HeadgateError {
  return new HeadgateError(`${file}: ${problem} (docs/simulation.md has all fields)`, {
    code: 'SCENARIO',
    source: 'client',
  });
}
