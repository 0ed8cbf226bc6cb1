/**
 * Texts that people see, kept as files in test/golden: `npm run golden` writes these files anew. No line is wider than
 * the terminal, except commands, which are to be copied whole.
 */
import { join } from 'node:path';
import width from 'fast-string-width';
import { renderToString } from 'ink';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../src/base/error-catalogue.ts';
import { packageVersion } from '../src/base/package-root.ts';
import { errorLines } from '../src/cli/commands/explain.ts';
import { commands } from '../src/cli/commands/table.ts';
import { nothingKnown } from '../src/cli/dashboard/about.ts';
import { DashboardFrame } from '../src/cli/dashboard/dashboard.tsx';
import { renderEnd } from '../src/cli/dashboard/end.ts';
import { keysFor } from '../src/cli/dashboard/keys.ts';
import { RunScreen } from '../src/cli/dashboard/screen.tsx';
import { buildProgram } from '../src/cli/parse/program.ts';
import { reduceAll } from '../src/engine/events/reducer.ts';
import { initialState } from '../src/engine/events/run-state.ts';
import { summarizePlan } from '../src/engine/plan/summarize.ts';
import type { RunExit } from '../src/engine/run-folder/layout.ts';
import { styleFor } from '../src/terminal/style.ts';
import { onTerminal } from '../src/terminal/styled.ts';
import { fixturePlan } from './helpers/fixture-run.ts';
import { isCommand, keptOutput } from './helpers/golden.ts';
import { trainingStory } from './helpers/run-story.ts';

// The pages show times of day, so the time zone is fixed.
process.env.TZ = 'UTC';

const widths = [80, 60] as const;
const style = styleFor({ colour: 0, unicode: true });
const now = 1_790_000_000;
const story = { name: 'fox-emblem', steps: 1600, every: 200, end: now };
const about = { ...nothingKnown, model: 'SDXL 1.0', rank: 16, schedule: 'cosine', epochs: 10, prompt: 'zfx, a fox' };

async function hold(name: string, cells: number, lines: readonly string[]): Promise<void> {
  for (const line of lines) if (!isCommand(line)) expect(width(line), line).toBeLessThan(cells);
  const text = `${lines.map((line) => line.trimEnd()).join('\n')}\n`.replaceAll(packageVersion(), 'VERSION');
  await expect(text).toMatchFileSnapshot(join('golden', `${name}-${cells}.txt`));
}

describe.each(widths)('at %i columns', (cells) => {
  it('the help of every command', async () => {
    const { out, lines } = keptOutput(cells);
    const nothing = async () => {};
    const whole = { entries: commands, action: nothing, out };
    const programs = [buildProgram({ ...whole, list: true }), buildProgram(whole)];
    const pages = [programs[0], ...(programs[1]?.commands ?? [])];
    for (const page of pages) {
      page?.configureOutput({ getOutHelpWidth: () => cells - 1 });
      page?.outputHelp();
      lines.push('', '='.repeat(cells - 1), '');
    }
    await hold('help', cells, lines);
  });

  it('a plan', async () => {
    const { out, lines } = keptOutput(cells);
    for (const line of summarizePlan(fixturePlan('/data/foxes', 1600, null)).lines) out.wrapped(`  ${line}`);
    await hold('plan', cells, lines);
  });

  it('the dashboard', async () => {
    const size = { columns: cells, rows: cells === 80 ? 24 : 16 };
    const state = reduceAll(initialState, trainingStory({ ...story, upTo: 992 }));
    const shown = { state, curve: state, about, now, keys: keysFor(false), notice: undefined, size, style };
    const screen = (
      <DashboardFrame size={size}>
        <RunScreen {...shown} sample={() => []} />
      </DashboardFrame>
    );
    await hold('dashboard', cells, renderToString(screen, { columns: cells }).split('\n'));
  });

  it.each<[string, Partial<RunExit>]>([
    ['finished', {}],
    [
      'failed',
      {
        status: 'failed',
        code: 5,
        step: 992,
        outputs: [],
        reason: 'Step 993: the loss of fox/07.jpg is not a finite number; nothing of it was saved.',
        details: ['The learning rate is too high for this model and optimiser, or the base model is damaged.'],
        next_steps: ['visiontrain run runs/fox/run.yaml --set training.learning_rate=3e-05'],
      },
    ],
  ])('the end of a run that %s', async (name, more) => {
    const upTo = name === 'finished' ? 1600 : 992;
    const state = reduceAll(initialState, trainingStory({ ...story, upTo }));
    const exit: RunExit = {
      status: 'finished',
      code: 0,
      reason: 'finished',
      step: 1600,
      outputs: [{ path: 'output/fox.safetensors', bytes: 91e6, sha256: '3f9a20c1'.repeat(8) }],
      details: [],
      next_steps: [],
      ...more,
    };
    const lines = renderEnd(
      { state, exit, name: 'fox', runDir: '/home/me/runs/fox', cwd: '/home/me', about },
      { style, columns: cells, rows: 24, colour: 0 },
    );
    await hold(
      `end-${name}`,
      cells,
      lines.map((line) => onTerminal(line, { unicode: true })),
    );
  });

  it('what explain says of each error', async () => {
    const lines = Object.entries(errorCatalogue).flatMap(([id, entry]) => [
      ...errorLines({ id, ...entry }, style, cells).map((line) => onTerminal(line, { unicode: true })),
      '',
    ]);
    await hold('explain-errors', cells, lines);
  });
});
