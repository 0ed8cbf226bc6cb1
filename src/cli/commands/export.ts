import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../base/errors.ts';
import { makeGivenFolder } from '../../base/files/given-place.ts';
import { absolute, displayPath } from '../../base/paths.ts';
import { formatBytes } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import { type ExportRequest, exportRun } from '../../engine/export/export-run.ts';
import { embeddingPlace, programFolder, programIn, rememberProgram } from '../../engine/export/programs.ts';
import { readJudgement } from '../../engine/judge/judgement.ts';
import { RUN_FILES } from '../../engine/run-folder/layout.ts';
import { findRun } from '../../engine/runs/find.ts';
import { settlePlan } from '../../engine/runs/read-plan.ts';
import { refuseForeignFolder } from '../../engine/runs/trust.ts';
import { precisions } from '../../spec/schema.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { anyPython } from './shared/any-python.ts';

type Options = Readonly<Record<string, unknown>>;

/** Writes the LoRA of a checkpoint of a run, live or over. An existing file is never replaced. */
export const run: CommandRun = async ([query = '', file], options, context) => {
  if (file !== undefined) return exportFile(query, file, options, context);
  const { out, places, env, flags } = context;
  if (options.bundle !== undefined)
    return (await import('./carry/export-bundle.ts')).exportBundle(query, options, context);
  if (options.images !== undefined)
    throw new UsageError('--images is for --bundle.', { id: 'command/wrong', nextSteps: ['Add --bundle.'] });
  const precision = precisionOf(options);
  const weights = weightsOf(options);
  const { dir, name } = findRun(query, places.runs);
  const which = byJudge(checkpointOf(options), options, { dir, name });
  // Without --to the file goes into the run folder, where nobody else may influence the files.
  if (options.to === undefined) refuseForeignFolder(dir);
  const to = options.to === undefined ? join(dir, RUN_FILES.output) : targetOf(String(options.to), context);
  if (options.to !== undefined) makeGivenFolder(to, '--to DIR');
  const plan = settlePlan(dir);
  const tools = { python: await anyPython(context), env, resources: plan.resources };
  const embedding = placeOfEmbedding(plan.training.pivotal?.word, options, to);
  const request = { ...which, to, precision, diffusers: options.diffusers === true, weights, embedding };
  const { step, steps, files } = await exportRun(dir, request, tools);
  if (flags.json) {
    out.json({ step, steps, files });
    return EXIT.ok;
  }
  const from = steps.length > 1 ? `mean of steps ${steps.join(', ')}` : `step ${step}`;
  for (const { path, bytes, sha256, made } of files) {
    out.talk(
      `${made ? 'Written' : 'There already, with the same bytes'}: ${from}, ${formatBytes(bytes)}, SHA-256 ${sha256}`,
    );
    out.verbatim(displayPath(path, process.cwd()));
  }
  return EXIT.ok;
};

/**
 * Carries out `export slurm FILE` and `export skypilot FILE`.
 * @throws UsageError for any other two words
 */
async function exportFile(kind: string, file: string, ...rest: readonly [Options, Context]): Promise<ExitCode> {
  const { exportJob, jobKinds } = await import('./slurm/write.ts');
  const known = jobKinds.find((one) => one === kind);
  if (known !== undefined) return exportJob(known, file, ...rest);
  throw new UsageError(`One run at a time: ${file} is one word too many.`, {
    id: 'command/wrong',
    nextSteps: ['visiontrain export NAME', 'visiontrain export slurm run.yaml'],
  });
}

/**
 * A typed folder, or that of a program on this machine.
 * @throws UsageError
 */
function targetOf(typed: string, { env, places, out, flags }: Parameters<CommandRun>[2]): string {
  const cwd = process.cwd();
  const named = programIn(typed);
  if (named === undefined) return absolute(typed, { cwd });
  const { program, folder: told } = named;
  const around = { env, places, cwd };
  const folder =
    told === undefined ? programFolder(program, around) : rememberProgram(program, absolute(told, { cwd }), around);
  if (!flags.json) out.talk(`${program}: ${folder}`);
  return folder;
}

/** Where a program looks for the embedding with this trigger word; null for beside the LoRA. */
function placeOfEmbedding(word: string | undefined, { to }: Options, loras: string): string | null {
  const program = typeof to === 'string' ? programIn(to)?.program : undefined;
  return program === undefined || word === undefined ? null : embeddingPlace(program, loras, word);
}

/** The checkpoint that the flags name; without any flag, the last one. */
function checkpointOf(options: Options): Pick<ExportRequest, 'kind' | 'number'> {
  const named = (['step', 'best', 'last', 'average'] as const).filter((kind) => options[kind] !== undefined);
  const [kind = 'last', second] = named;
  if (second !== undefined)
    throw new UsageError(`--${kind} and --${second} name two different things: give one of them.`, {
      id: 'command/wrong',
    });
  const given = options[kind];
  if (typeof given !== 'string') return { kind, number: 0 };
  const number = Number(given);
  const least = kind === 'average' ? 2 : 1;
  if (!Number.isSafeInteger(number) || number < least)
    throw new UsageError(`--${kind} must be a whole number, ${least} or more; this is ${given}.`, {
      id: 'command/wrong-value',
    });
  return { kind, number };
}

/**
 * The advised checkpoint for `--best --by judge`.
 * @throws UsageError when judging advised none, or `--by` is given without `--best`
 */
function byJudge(
  which: Pick<ExportRequest, 'kind' | 'number'>,
  { by }: Options,
  { dir, name }: { readonly dir: string; readonly name: string },
): Pick<ExportRequest, 'kind' | 'number'> {
  if (by === undefined) return which;
  if (which.kind !== 'best' || (by !== 'judge' && by !== 'validation'))
    throw new UsageError('--by says what --best goes by: validation or judge.', {
      id: 'command/wrong',
      nextSteps: ['--best --by judge'],
    });
  if (by === 'validation') return which;
  const advice = readJudgement(dir)?.advice;
  if (advice != null && advice.step !== null) return { kind: 'best', number: advice.step };
  throw new UsageError(
    advice == null ? `${name} was not judged yet.` : `Judging advises no checkpoint of ${name}: ${advice.text}`,
    { id: 'judge/none', nextSteps: [`visiontrain judge ${shellWord(name)}`] },
  );
}

function precisionOf({ precision }: Options): ExportRequest['precision'] {
  if (precision === undefined) return null;
  const known = precisions.find((name) => name === precision);
  if (known !== undefined) return known;
  throw new UsageError(`--precision must be ${precisions.join(', ')}; this is ${String(precision)}.`, {
    id: 'command/wrong-value',
  });
}

function weightsOf({ weights }: Options): ExportRequest['weights'] {
  if (weights === undefined || weights === 'ema' || weights === 'raw') return weights ?? null;
  throw new UsageError(`--weights must be ema or raw; this is ${String(weights)}.`, { id: 'command/wrong-value' });
}
