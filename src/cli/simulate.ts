import { writeFile } from 'node:fs/promises';
import { chart } from '../simulation/chart.ts';
import { compare } from '../simulation/compare.ts';
import { reportText } from '../simulation/report.ts';
import { readScenario } from '../simulation/scenario.ts';
import type { SimulateOptions } from './arguments.ts';

/** Plays a scenario through and prints what the balancers made of it. Throws a HeadgateError for a wrong scenario. */
export async function simulate({ file, svg }: SimulateOptions, output: NodeJS.WritableStream): Promise<number> {
  const scenario = await readScenario(file);
  const runs = await compare(scenario);
  output.write(reportText(scenario, runs));
  if (svg !== undefined) await writeFile(svg, chart(scenario, runs));
  return 0;
}
