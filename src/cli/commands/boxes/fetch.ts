import { EXIT, UsageError } from '../../../base/errors.ts';
import { displayPath } from '../../../base/paths.ts';
import { formatBytes, plural } from '../../../base/text.ts';
import { type BroughtRun, bringRun } from '../../../engine/boxes/bring.ts';
import type { BoxAccess } from '../../../engine/boxes/far.ts';
import { boxAndRun } from '../../../engine/boxes/known.ts';
import { sweepOfRun } from '../../../engine/runs/groups.ts';
import { isSweepName, readSweep } from '../../../engine/search/folder.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { settleSweep } from '../sweep/settle.ts';
import { connect, shareBar } from './connect.ts';

/**
 * Copies runs home from boxes, by the names of runs or of a sweep. For a live run it copies what is finished: samples
 * and LoRA files. A sweep is compared once its last run is here.
 */
export const run: CommandRun = async (words, options, context) => {
  const all: BroughtRun[] = [];
  const stop = stopSignals('What has arrived is kept: the same command goes on from there.');
  try {
    for (const word of words.flatMap((each) => membersOf(each, context))) {
      const named = boxAndRun(word, context.places.config);
      if (named === undefined)
        throw new UsageError(`${word} names no run on a box.`, {
          id: 'box/none',
          nextSteps: ['visiontrain fetch BOX:RUN', 'visiontrain ps --all   lists them'],
        });
      const far = await connect(named.box, context, { signal: stop.signal });
      all.push(await fetchRun(far, named.run, { checkpoints: options.checkpoints === true }, context));
    }
  } finally {
    stop.off();
  }
  if (context.flags.json)
    context.out.json({
      sweeps: await settled(all, context),
      fetched: all.map(({ name, dir, files, all: whole, bytes, live, state }) => ({
        ...{ name, dir, state, live, bytes },
        ...{ files, files_in_all: whole },
      })),
    });
  else await settled(all, context);
  return EXIT.ok;
};

/** The runs of a sweep on other machines, as `host:run`; for any other word, the word alone. */
function membersOf(word: string, { places }: Context): readonly string[] {
  const members = isSweepName(word) ? readSweep(places.runs, word)?.members : undefined;
  return members?.map(({ host, run: name }) => `${host}:${name}`) ?? [word];
}

/**
 * Compares the sweeps of these runs whose runs are all here, and says of the others how many are missing. Returns the
 * page of each sweep by its name; null where runs are missing.
 */
export async function settled(
  brought: readonly Pick<BroughtRun, 'dir'>[],
  context: Context,
): Promise<Readonly<Record<string, string | null>>> {
  const { out, flags, places } = context;
  const groups = new Set(brought.flatMap(({ dir }) => sweepOfRun(dir)?.group ?? []));
  const pages: Record<string, string | null> = {};
  for (const group of groups) {
    const members = isSweepName(group) ? readSweep(places.runs, group)?.members : undefined;
    if (members === undefined) continue;
    const end = await settleSweep(group, context);
    pages[group] = end?.page ?? null;
    if (end === undefined || flags.json) continue;
    const left = end.elsewhere.length;
    if (end.page !== undefined) out.talk(`All runs of ${group} are here: ${displayPath(end.page, process.cwd())}`);
    else if (left > 0)
      out.talk(`${members.length - left} of ${members.length} runs of ${group} are here.  visiontrain fetch ${group}`);
  }
  return pages;
}

/** Copies one run home and says where it is. */
export async function fetchRun(
  far: BoxAccess,
  name: string,
  { checkpoints }: { readonly checkpoints: boolean },
  context: Context,
): Promise<BroughtRun> {
  const { out, flags, places } = context;
  const bar = shareBar(context, `from ${far.line.box.name}`);
  const say = (text: string) => (flags.json ? undefined : out.wrapped(text));
  const bringing = { run: name, runs: places.runs, checkpoints, say, ...bar };
  const brought = await bringRun(far, bringing).finally(bar.end);
  if (flags.json) return brought;
  const { dir, files, all, bytes, live } = brought;
  const where = displayPath(dir, process.cwd());
  out.talk(
    `${brought.name} is in ${where}: ${plural(all, 'file')}, ${files === 0 ? 'none of them new' : `${files} new (${formatBytes(bytes)})`}, every SHA-256 right.`,
  );
  if (live) out.talk(`  It still trains on ${far.line.box.name}; fetch it again when it is over.`);
  else out.talk(`  visiontrain report ${brought.name}`);
  return brought;
}
