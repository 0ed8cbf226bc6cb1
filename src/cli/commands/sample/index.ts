import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../../base/errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { neutralise, plural } from '../../../base/text.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { SAMPLE_FILES, type SampleList } from '../../../engine/sample/schema.ts';
import { drawSamples } from '../../../engine/sample/worker.ts';
import { renderSamplePage } from '../../../report/sample-page.tsx';
import { renderImage } from '../../../terminal/images.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { writePage } from '../shared/write-page.ts';
import { askedFor } from './asked.ts';
import { requestFor, type SampleRequest } from './request.ts';

/** Draws samples with LoRA files, or with checkpoints of a run. */
export const run: CommandRun = async ([query], options, context) => {
  const { out, flags } = context;
  const wishes = askedFor(options);
  const request = await requestFor(query, wishes, context);
  const to = wishes.output === null ? freeFolder(request.name) : absolute(wishes.output, { cwd: process.cwd() });
  const list = await draw(request, to, context);
  writePage(join(to, SAMPLE_FILES.page), renderSamplePage(list, to), '-o FOLDER');
  if (flags.json) out.json({ dir: to, ...list });
  else show(list, to, context);
  return EXIT.ok;
};

/** Name of a free folder here: `samples-NAME`, with the first free number behind it if needed. */
function freeFolder(name: string): string {
  const base = `samples-${name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80)}`;
  for (let i = 1; ; i += 1) {
    const path = absolute(i === 1 ? base : `${base}-${i}`, { cwd: process.cwd() });
    if (!existsSync(path)) return path;
  }
}

async function draw(request: SampleRequest, to: string, context: Context): Promise<SampleList> {
  const { flags, env, places, out } = context;
  const { plan, grid } = request;
  const stop = stopSignals('Stopped; what was drawn is kept, and the same command with the same -o goes on.');
  const progress = stepProgress(context);
  const say = (text: string) => {
    if (!flags.json) progress.tools.phase(text);
  };
  say(`Drawing ${plural(grid.cells.length, 'picture')} on ${neutralise(plan.model.name)}; Ctrl-C stops it.`);
  try {
    const tools = { ...progress.tools, signal: stop.signal };
    const environment = await ensureEnvironment({ places, env }, plan.resources.device, tools);
    return await drawSamples({
      ...request,
      to,
      python: environment.python,
      extras: environment.extras ?? [],
      env,
      signal: stop.signal,
      onSample: (_file, done, total) => progress.tools.progress({ item: 'samples', unit: 'images', done, total }),
      onPhase: say,
      onNote: (level, text) => {
        if (!flags.json) progress.tools.note({ level, text });
        else out.talk(`${level}: ${text}`);
      },
    });
  } finally {
    progress.end();
    stop.off();
  }
}

/** Rows of a terminal that are left free below the sheet. */
const BELOW = 6;

function show(list: SampleList, to: string, { out, terminal: can }: Context): void {
  const room = { columns: Math.min(can.columns, 160) - 1, rows: Math.max(8, can.rows - BELOW) };
  const alone = list.samples.length === 1 ? list.samples[0]?.file : undefined;
  const drawn = out.width === undefined ? undefined : renderImage(join(to, alone ?? list.sheet), { ...can, ...room });
  for (const line of drawn ?? []) out.data(line);
  out.talk(`${plural(list.samples.length, 'picture')}, each with its settings in it as A1111 writes them:`);
  const shown = (file: string) => displayPath(join(to, file), process.cwd());
  for (const file of [...(alone === undefined ? [list.sheet] : [alone]), list.page]) out.verbatim(shown(file));
}
