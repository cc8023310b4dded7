import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCommand, UsageError } from '../../src/cli/arguments.ts';

function complaint(...args: string[]): string {
  try {
    parseCommand(args);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return 'none';
}

describe('parseCommand', () => {
  it('reads every flag of run', () => {
    const command = parseCommand([
      ...['run', '-c', 'a.yaml', '--listen', '127.0.0.1:1', '--listen', '127.0.0.1:2', '--admin', '127.0.0.1:3'],
      ...['--workers', '2', '--consul', 'http://c:8500', '--auto-route', '{service}.example.com'],
      ...['--registry', '127.0.0.1:8500', '--log-level', 'debug', '--access-log', 'stdout'],
    ]);
    assert.deepEqual(command, {
      name: 'run',
      options: {
        file: 'a.yaml',
        listen: ['127.0.0.1:1', '127.0.0.1:2'],
        admin: '127.0.0.1:3',
        workers: '2',
        consul: ['http://c:8500'],
        autoRoute: '{service}.example.com',
        registry: '127.0.0.1:8500',
        logLevel: 'debug',
        accessLog: 'stdout',
      },
    });
  });

  it('reads the other commands, and shows the help when there is none', () => {
    assert.deepEqual(parseCommand(['check', '-c', 'a.yaml']), { name: 'check', file: 'a.yaml' });
    assert.deepEqual(parseCommand(['demo']), { name: 'demo' });
    assert.deepEqual(parseCommand([]), { name: 'help' });
    assert.deepEqual(parseCommand(['run', '--help']), { name: 'help' });
    assert.deepEqual(parseCommand(['--version']), { name: 'version' });
  });

  it('says what is wrong', () => {
    assert.match(complaint('serve'), /"serve" is not a command: run, check/);
    assert.match(complaint('run', '--consull', 'x'), /--consull/);
    assert.match(complaint('run', 'file.yaml'), /file\.yaml/);
    assert.match(complaint('check'), /check needs a file/);
    assert.match(complaint('demo', '--port', '1'), /--port/);
  });
});
