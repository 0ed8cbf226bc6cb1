/** Carries out `lora resize`, `merge` and `convert`: makes a new file from one or several. */
import { basename, dirname, extname } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { makeGivenFolder } from '../../../base/files/given-place.ts';
import { statOf } from '../../../base/files/stat.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { formatBytes, neutralise, plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { type LoraAnswer, type LoraRequest, mergeIntoBase, runLoraTool } from '../../../engine/lora/tools.ts';
import { precisions } from '../../../spec/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { anyPython } from '../shared/any-python.ts';
import { type Options, text } from '../shared/options.ts';
import { baseFiles, namedBase } from './base-files.ts';
import { inspected, loraPaths } from './files.ts';

/** Highest rank that a layer of these families can use. */
const MOST_RANK = 4096;
/** Largest strength in a merge; a negative strength subtracts a LoRA. */
const MOST_STRENGTH = 100;

export const resizeLora: CommandRun = async (files, options, context) => {
  const [path = ''] = loraPaths(files, 'resize', 1);
  const keep = number(options, 'keep', [0, Number.MAX_VALUE]);
  const rank = number(options, 'rank', [1, MOST_RANK]);
  if (rank === null && keep === null)
    throw missing('resize: to which rank?', `visiontrain lora resize ${files[0]} --rank 16 -o FILE`);
  const by = oneOf(options, 'by', ['fro', 'sum', 'ratio'] as const);
  if (keep !== null && by !== 'ratio' && keep > 1) throw wrong('--keep', '0 to 1, as in 0.95', keep);
  if (keep !== null && by === 'ratio' && keep < 1) throw wrong('--keep', '1 or more with --by ratio', keep);
  return make(context, options, {
    action: 'resize',
    sources: [{ path }],
    base: baseFiles(options, context),
    rank: rank ?? MOST_RANK,
    keep,
    by: by ?? 'fro',
  });
};

export const mergeLoras: CommandRun = async (files, options, context) => {
  const parts = files.map((file) => {
    const [, name = file, strength = '1'] = /^(.*\S):(-?\d+(?:\.\d+)?)$/u.exec(file) ?? [];
    return { name, strength: Number(strength) };
  });
  const into = text(options.into);
  if (parts.length < (into === undefined ? 2 : 1))
    throw missing(
      'merge takes two LoRA files at least.',
      'visiontrain lora merge A.safetensors:0.7 B.safetensors:0.4 -o FILE',
    );
  for (const { strength } of parts)
    if (Math.abs(strength) > MOST_STRENGTH) throw wrong('A strength', `at most ${MOST_STRENGTH}`, strength);
  const paths = loraPaths(
    parts.map(({ name }) => name),
    'merge',
  );
  const bases = new Set(paths.map((path) => inspected(path).base).filter((base) => base !== null));
  if (bases.size > 1)
    throw new UsageError(`These LoRAs are for different base models: ${[...bases].join(', ')}.`, {
      id: 'lora/not-made',
      nextSteps: ['Only LoRAs of one family can be mixed: visiontrain lora inspect FILE…'],
    });
  const sources = paths.map((path, i) => ({ path, strength: parts[i]?.strength ?? 1 }));
  if (into !== undefined) return mergeInto(context, options, { into, sources, family: [...bases][0] });
  return make(context, options, {
    action: 'merge',
    sources,
    base: baseFiles(options, context),
    rank: number(options, 'rank', [1, MOST_RANK]),
    keep: null,
    by: null,
  });
};

interface Into {
  readonly into: string;
  readonly sources: LoraRequest['sources'];
  readonly family: string | undefined;
}

/** Writes a checkpoint with the LoRAs merged into it. */
async function mergeInto(context: Context, options: Options, { into, sources, family }: Into): Promise<typeof EXIT.ok> {
  const { out, flags, env } = context;
  const to = newFile(options, 'Where is the new checkpoint to go?');
  if (options.rank !== undefined)
    throw missing('--rank is of LoRA files; a checkpoint has no rank.', 'Leave it out, or leave --into out.');
  const base = namedBase(into, context);
  if (family !== undefined && family !== base.family)
    throw new UsageError(`These LoRAs are for ${family}; ${into} is ${base.family}.`, { id: 'lora/not-made' });
  if (base.path === null)
    throw new UsageError(`The files of ${into} are not on this machine.`, {
      id: 'lora/not-made',
      nextSteps: [`visiontrain models pull ${into}`, 'or name a file or folder:  --into MODEL.safetensors'],
    });
  refusePlace(to, base.path);
  const request = {
    sources,
    base: base.path,
    to,
    precision: oneOf(options, 'precision', precisions),
  };
  makeGivenFolder(dirname(to), '-o FILE');
  const answer = await mergeIntoBase(request, { python: await anyPython(context), env });
  if (flags.json) out.json(answer);
  else {
    const { path, bytes, sha256, files: made, omitted, changed, left } = answer;
    const what = sha256 === undefined ? `in ${plural(made?.length ?? 0, 'file')} of weights` : `SHA-256 ${sha256}`;
    out.talk(`Written: ${formatBytes(bytes)}, ${plural(changed, 'weight')} changed, ${what}`);
    if (left.length > 0) out.talk(leftLine(left, 'that have no place in it'));
    if (omitted !== undefined && omitted.length > 0)
      out.talk(leftLine(omitted, 'of other formats, whose weights are without the LoRA'));
    out.verbatim(displayPath(path, process.cwd()));
  }
  return EXIT.ok;
}

/**
 * A diffusers folder becomes a folder of its own, outside of the first.
 * @throws UsageError for another place
 */
function refusePlace(to: string, base: string): void {
  if (statOf(base)?.isDirectory() !== true) return;
  if (extname(to) === '.safetensors')
    throw new UsageError(`${base} is a diffusers folder, and a folder comes of it: ${basename(to)} names a file.`, {
      id: 'lora/not-made',
      nextSteps: [
        `Name a folder:  -o ${shellWord(displayPath(to.slice(0, -'.safetensors'.length), process.cwd()))}`,
        'Or merge into a checkpoint of one file:  --into MODEL.safetensors',
      ],
    });
  if (`${to}/`.startsWith(`${base}/`))
    throw new UsageError(`${to} is inside of ${base}, and that model is not changed.`, {
      id: 'lora/not-made',
      nextSteps: ['Name a folder beside it:  -o FOLDER'],
    });
}

export const convertLora: CommandRun = async (files, options, context) => {
  const [path = ''] = loraPaths(files, 'convert', 1);
  const form = oneOf(options, 'to', ['kohya', 'diffusers'] as const);
  const rank = number(options, 'rank', [1, MOST_RANK]);
  if (form === null && options.precision === undefined && rank === null)
    throw missing('convert: to what?', `visiontrain lora convert ${files[0]} --to diffusers -o FILE`);
  const base = baseFiles(options, context);
  return make(context, options, { action: 'convert', sources: [{ path }], base, rank, keep: null, by: null });
};

/**
 * The file that -o names.
 * @throws UsageError when it is missing
 */
function newFile(options: Options, question: string): string {
  const given = text(options.output);
  if (given === undefined) throw missing(question, 'Give it a name:  -o FILE');
  return absolute(given, { cwd: process.cwd() });
}

async function make(
  context: Context,
  options: Options,
  what: Omit<LoraRequest, 'to' | 'form' | 'precision'>,
): Promise<typeof EXIT.ok> {
  const { out, flags } = context;
  const to = newFile(options, 'Where is the new file to go?');
  const request: LoraRequest = {
    ...what,
    to,
    form: oneOf(options, 'to', ['kohya', 'diffusers'] as const) ?? 'kohya',
    precision: oneOf(options, 'precision', precisions),
  };
  // Damaged files are reported before Python starts.
  for (const { path } of request.sources) inspected(path);
  makeGivenFolder(dirname(to), '-o FILE');
  const answer = await runLoraTool(request, await anyPython(context), context.env);
  if (flags.json) {
    out.json(answer);
    return EXIT.ok;
  }
  const { path, bytes, sha256, ranks } = answer;
  out.talk(`Written: ${formatBytes(bytes)}, ${rankText(ranks)}, SHA-256 ${sha256}`);
  for (const line of lostLines(answer)) out.talk(line);
  if (answer.left.length > 0) out.talk(leftLine(answer.left, 'that have no place in a LoRA file'));
  out.verbatim(displayPath(path, process.cwd()));
  return EXIT.ok;
}

const leftLine = (left: readonly string[], why: string): string =>
  neutralise(`Left out: ${left.length} ${why} (${left[0]}${left.length > 1 ? ' …' : ''})`);

const rankText = (ranks: readonly number[]): string =>
  ranks.length === 1 ? `rank ${ranks[0]}` : `ranks ${ranks[0]} to ${ranks.at(-1)}`;

/** Matches the names of a U-Net's blocks and of the text encoders, at the beginning of module names. */
const BLOCK = /^(lora_te\d?|lora_unet_(?:(?:down|up|input|output)_blocks_\d+|mid_block|middle_block))/u;

/** The mean loss of each block, and the layer that lost most. */
function lostLines({ lost }: LoraAnswer): string[] {
  const blocks = new Map<string, number[]>();
  for (const [module, share] of Object.entries(lost)) {
    const block = (BLOCK.exec(module)?.[1] ?? 'other layers').replace(/^lora_/u, '').replaceAll('_', ' ');
    blocks.set(block, [...(blocks.get(block) ?? []), share]);
  }
  const worst = Object.entries(lost).sort((a, b) => b[1] - a[1])[0];
  if (worst === undefined) return [];
  const lines = [...blocks].map(([block, all]) => {
    const mean = all.reduce((sum, share) => sum + share, 0) / all.length;
    return `  ${block.padEnd(24)} ${(mean * 100).toFixed(1)} % lost`;
  });
  return [
    'What the smaller rank could not keep of the weight change, by block:',
    ...lines,
    `  most in ${worst[0]}: ${(worst[1] * 100).toFixed(1)} %`,
  ];
}

function number(options: Options, flag: string, [least, most]: readonly [number, number]): number | null {
  const given = text(options[flag]);
  if (given === undefined) return null;
  const value = Number(given);
  const whole = flag !== 'rank' || Number.isInteger(value);
  if (given.trim() !== '' && value >= least && value <= most && whole) return value;
  throw wrong(`--${flag}`, flag === 'rank' ? `a whole number from ${least} to ${most}` : 'a number above 0', given);
}

function oneOf<T extends string>(options: Options, flag: string, names: readonly T[]): T | null {
  const given = text(options[flag]);
  if (given === undefined) return null;
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  throw wrong(`--${flag}`, names.join(', '), given);
}

const wrong = (what: string, takes: string, given: string | number) =>
  new UsageError(`${what} is ${takes}; this is ${given}.`, { id: 'command/wrong-value' });

const missing = (message: string, next: string) => new UsageError(message, { id: 'command/wrong', nextSteps: [next] });
