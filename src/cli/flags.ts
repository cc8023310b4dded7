import { documentFrom, emptyDocument } from '../config/document.ts';
import type { Document, DocumentInput } from '../config/types.ts';
import type { RunOptions } from './arguments.ts';
import { UsageError } from './arguments.ts';

type Settings = { -readonly [Key in keyof DocumentInput]: DocumentInput[Key] };

/** The flags as configuration, and which of its keys they decide. */
function settingsOf(options: RunOptions, environment: NodeJS.ProcessEnv): Settings {
  const settings: Settings = {};
  if (options.listen) settings.listen = [...options.listen];
  if (options.admin !== undefined) settings.admin = { address: options.admin };
  if (options.workers !== undefined) settings.workers = workersOf(options.workers);
  if (options.registry !== undefined) settings.registry = { address: options.registry };
  const log = {
    ...(options.logLevel === undefined ? {} : { level: options.logLevel }),
    ...(options.accessLog === undefined ? {} : { access: options.accessLog }),
  };
  if (Object.keys(log).length > 0) settings.log = log as NonNullable<Settings['log']>;
  if (options.consul || options.autoRoute !== undefined)
    settings.discovery = { consul: consulOf(options, environment) };
  return settings;
}

function consulOf(options: RunOptions, environment: NodeJS.ProcessEnv) {
  const token = environment.CONSUL_HTTP_TOKEN;
  return {
    ...(options.consul ? { servers: [...options.consul] } : {}),
    ...(token ? { token } : {}),
    ...(options.autoRoute === undefined ? {} : { auto_route: options.autoRoute }),
  };
}

function workersOf(text: string): 'auto' | number {
  if (text === 'auto') return 'auto';
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new UsageError(`--workers takes "auto" or a number from 1 to 256, not "${text}"`);
}

/**
 * Lays the flags over a configuration: what a flag decides, the file does not. Throws a HeadgateError that names a wrong
 * flag's setting.
 */
export function withFlags(file: Document | null, options: RunOptions, environment: NodeJS.ProcessEnv): Document {
  const settings = settingsOf(options, environment);
  const base = file ?? emptyDocument();
  const flagged = documentFrom(base.registry ? { registry: base.registry, ...settings } : settings);
  const decided = Object.keys(settings) as (keyof Document)[];
  const overlay = Object.fromEntries(decided.map((key) => [key, flagged[key]]));
  return {
    ...base,
    ...overlay,
    discovery: { ...base.discovery, ...consulWith(settings, base, flagged) },
    log: { ...base.log, ...settings.log },
  };
}

/** The block of the file with what flags decide of it, or the whole block where the file has none. */
function consulWith(settings: Settings, base: Document, flagged: Document): Partial<Document['discovery']> {
  const decided = settings.discovery?.consul;
  const whole = flagged.discovery.consul;
  if (!decided || !whole) return {};
  const own = base.discovery.consul;
  const keys = Object.keys(decided) as (keyof typeof whole)[];
  return { consul: own ? { ...own, ...Object.fromEntries(keys.map((key) => [key, whole[key]])) } : whole };
}
