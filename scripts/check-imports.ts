/**
 * Holds the direction of imports (ARCHITECTURE.md, "Import rule"): between folders of src/ they point down the layers,
 * between files there is no cycle. Prints every violation and exits 1 when there is one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Which folders of src/, or single files of one, a folder may import from, besides itself. */
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  config: ['core', 'discovery/query-check.ts'],
  discovery: ['core'],
  balancers: ['core', 'discovery'],
  health: ['core'],
  telemetry: ['core', 'discovery', 'balancers'],
  upstream: ['core', 'discovery', 'balancers', 'telemetry'],
  l4: ['core', 'balancers', 'telemetry', 'upstream'],
  plugins: ['core', 'config', 'telemetry', 'upstream'],
  l7: ['core', 'balancers', 'telemetry', 'upstream', 'l4', 'plugins'],
  admin: ['core', 'discovery', 'telemetry', 'upstream'],
  registry: ['core', 'health'],
  dns: ['core'],
  worker: ['core', 'balancers', 'telemetry', 'upstream', 'l4', 'l7', 'plugins'],
  control: [
    'core',
    'config',
    'discovery',
    'balancers',
    'health',
    'telemetry',
    'upstream',
    'l4',
    'admin',
    'registry',
    'dns',
    'worker',
  ],
  library: ['core', 'config', 'discovery', 'balancers', 'telemetry', 'upstream', 'worker', 'control'],
  simulation: [
    'core',
    'config',
    'discovery',
    'balancers',
    'health',
    'telemetry',
    'upstream',
    'l7',
    'worker',
    'control',
  ],
  'index.ts': ['core', 'library'],
  cli: ['core', 'config', 'control', 'admin', 'telemetry', 'registry', 'simulation'],
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const IMPORT = /^(?:import|export)\s[^;]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/gm;

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(IMPORT)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter((target) => target.startsWith('.'))
    .map((target) => normalize(join(dirname(file), target)));
}

function wrongDirections(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const problems: string[] = [];
  for (const [file, targets] of graph) {
    const folder = file.split('/')[0] ?? '';
    const allowed = ALLOWED[folder];
    if (!allowed) {
      problems.push(`src/${file}: the folder "${folder}" has no place in the layers (scripts/check-imports.ts)`);
      continue;
    }
    for (const target of targets) {
      const other = target.split('/')[0] ?? '';
      if (other === folder || allowed.includes(other) || allowed.includes(target)) continue;
      problems.push(`src/${file}: "${folder}" may not import from "${other}" (${target})`);
    }
  }
  return problems;
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const problems: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      problems.push(`cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
      return;
    }
    state.set(file, 'open');
    for (const target of graph.get(file) ?? []) visit(target, [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
  return problems;
}

const graph = new Map(sources().map((file) => [file, importsOf(file)]));
const problems = [...wrongDirections(graph), ...cycles(graph)];
for (const problem of problems) console.error(problem);
console.log(`imports: ${graph.size} files, ${problems.length} problems (${relative(process.cwd(), root) || 'src'})`);
process.exitCode = problems.length > 0 ? 1 : 0;
