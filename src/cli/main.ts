import { HeadgateError } from '../core/errors.ts';
import { HELP, parseCommand, UsageError } from './arguments.ts';
import { version } from './version.ts';

/** Runs the command that the arguments name. Resolves with the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const command = parseCommand(args);
    switch (command.name) {
      case 'help':
        process.stdout.write(HELP);
        return 0;
      case 'version':
        process.stdout.write(`headgate ${version()}\n`);
        return 0;
      case 'check': {
        const { check } = await import('./check.ts');
        return await check(command.file, process.stdout);
      }
      case 'explain': {
        const { explain } = await import('./explain.ts');
        return await explain(command.options, process.stdout);
      }
      case 'simulate': {
        const { simulate } = await import('./simulate.ts');
        return await simulate(command.options, process.stdout);
      }
      case 'demo': {
        const { demo } = await import('./demo.ts');
        return await demo();
      }
      case 'run': {
        const { run } = await import('./run.ts');
        return await run(command.options);
      }
    }
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`headgate: ${error.message}\nTry "headgate help".\n`);
      return 2;
    }
    if (error instanceof HeadgateError) {
      process.stderr.write(`headgate: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
