import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as { version: string; engines: { node: string } };

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Workflow {
  readonly on: unknown;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<string, { readonly steps: readonly Step[]; readonly permissions?: Readonly<Record<string, string>> }>
  >;
}

/** What breaks the rules in a workflow, in sentences. */
function faults(text: string): string[] {
  const { on, permissions, jobs } = load(text) as Workflow;
  const events = typeof on === 'string' ? [on] : Array.isArray(on) ? on : Object.keys(on as object);
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  const granted = [permissions ?? {}, ...Object.values(jobs).map((job) => job.permissions ?? {})].flatMap((each) =>
    Object.entries(each).map(([what, how]) => `${what}: ${how}`),
  );
  return [
    ...(permissions === undefined ? ['has no permissions'] : []),
    ...granted
      .filter((grant) => !['contents: read', 'id-token: write'].includes(grant))
      .map((grant) => `grants ${grant}`),
    ...(events.includes('pull_request_target') ? ['runs on pull_request_target'] : []),
    ...steps
      .filter(({ uses }) => uses !== undefined && !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/u.test(uses))
      .map(({ uses }) => `does not pin ${uses}`),
    ...steps
      .filter((step) => step.uses?.startsWith('actions/checkout@') && step.with?.['persist-credentials'] !== false)
      .map(() => 'leaves credentials in the checkout'),
    // A title or a branch of a stranger would be part of the script.
    ...steps
      .filter(({ run }) => run !== undefined && /\$\{\{/u.test(run))
      .map(({ run }) => `puts an expression into a script: ${run}`),
  ];
}

const workflows = readdirSync(join(root, '.github/workflows'));

describe('the workflows', () => {
  it('are exactly these', () => {
    expect(workflows.sort()).toEqual(['ci.yml', 'models-check.yml', 'release.yml']);
  });

  it.each(workflows)('%s grants little, pins actions, and runs nothing of strangers with rights', (name) => {
    expect(faults(read(`.github/workflows/${name}`))).toEqual([]);
  });

  it.each([
    ['has no permissions', 'on: push\njobs: { a: { steps: [] } }'],
    ['grants contents: write', 'on: push\npermissions: { contents: write }\njobs: { a: { steps: [] } }'],
    [
      'grants packages: write',
      'on: push\npermissions: {}\njobs: { a: { steps: [], permissions: { packages: write } } }',
    ],
    ['runs on pull_request_target', 'on: [pull_request_target]\npermissions: {}\njobs: { a: { steps: [] } }'],
    ['does not pin a/b@v4', 'on: push\npermissions: {}\njobs: { a: { steps: [{ uses: a/b@v4 }] } }'],
    [
      'leaves credentials in the checkout',
      `on: push\npermissions: {}\njobs: { a: { steps: [{ uses: actions/checkout@${'a'.repeat(40)} }] } }`,
    ],
    [
      'puts an expression into a script',
      `on: push\npermissions: {}\njobs: { a: { steps: [{ run: "echo $\{{ github.head_ref }}" }] } }`,
    ],
  ])('a workflow that %s would be found', (fault, text) => {
    expect(faults(text).map((each) => each.startsWith(fault))).toEqual([true]);
  });

  it('ci.yml runs on the oldest Node that package.json promises', () => {
    const { jobs } = load(read('.github/workflows/ci.yml')) as Workflow;
    const versions = Object.values(jobs).flatMap(({ steps }) => steps.map((step) => step.with?.['node-version']));
    expect(versions.filter((version) => version !== undefined)).toEqual([
      /\d+(\.\d+)+/u.exec(manifest.engines.node)?.[0],
    ]);
  });
});

it('dependabot is told of folders that have what it reads', () => {
  const { updates } = load(read('.github/dependabot.yml')) as {
    updates: { 'package-ecosystem': string; directory: string }[];
  };
  const reads: Readonly<Record<string, RegExp>> = {
    npm: /^package-lock\.json$/u,
    pip: /\.in$/u,
    'github-actions': /^\.github$/u,
  };
  expect(updates.map((each) => each['package-ecosystem']).sort()).toEqual(Object.keys(reads).sort());
  for (const { 'package-ecosystem': kind, directory } of updates)
    expect(readdirSync(join(root, directory)).some((name) => reads[kind]?.test(name))).toBe(true);
});

describe('a release', () => {
  const check = (tag: string) =>
    spawnSync(process.execPath, [join(root, 'scripts/release-check.mjs'), tag], { encoding: 'utf8' });

  it('can have the tag of its version alone', () => {
    expect(check(`v${manifest.version}`)).toMatchObject({ status: 0, stderr: '' });
    for (const tag of ['v99.0.0', manifest.version, ''])
      expect(check(tag)).toMatchObject({ status: 1, stderr: expect.stringContaining(`The tag is "${tag}"`) });
  });
});

describe('the issue forms', () => {
  const forms = readdirSync(join(root, '.github/ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml');

  it.each(forms)('%s is one as GitHub reads it', (name) => {
    const form = load(read(`.github/ISSUE_TEMPLATE/${name}`)) as {
      name: string;
      description: string;
      body: { type: string; id?: string; attributes: { label?: string; value?: string } }[];
    };
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
    for (const { type, id, attributes } of form.body) {
      expect(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes']).toContain(type);
      if (type === 'markdown') expect(attributes.value).toBeTruthy();
      else expect([id, attributes.label]).toEqual([expect.stringMatching(/^[\w-]+$/u), expect.any(String)]);
    }
    const ids = form.body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('the form for bugs asks for the facts that tell most', () => {
    const text = read('.github/ISSUE_TEMPLATE/bug.yml');
    for (const asked of [
      'visiontrain --version',
      'visiontrain status RUN --json',
      'visiontrain doctor --json',
      'trainer.log',
    ])
      expect(text).toContain(`label: ${asked}`);
  });
});
