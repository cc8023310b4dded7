import { writeFile } from 'node:fs/promises';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { chart } from '../simulation/chart.ts';
import { compare } from '../simulation/compare.ts';
import { readScenario } from '../simulation/read-scenario.ts';
import { reportText } from '../simulation/report.ts';
import type { SimulateOptions } from './arguments.ts';

/** Plays a scenario through and prints what the balancers made of it. Throws a HeadgateError for a wrong scenario. */
export async function simulate({ file, svg }: SimulateOptions, output: NodeJS.WritableStream): Promise<number> {
  const scenario = await readScenario(file);
  const runs = await compare(scenario);
  output.write(reportText(scenario, runs));
  if (svg !== undefined) await draw(svg, chart(scenario, runs));
  return 0;
}

async function draw(path: string, drawing: string): Promise<void> {
  try {
    await writeFile(path, drawing);
  } catch (error) {
    throw new HeadgateError(`${path}: ${reasonOf(error)}`, { code: 'SCENARIO', source: 'client', cause: error });
  }
}
