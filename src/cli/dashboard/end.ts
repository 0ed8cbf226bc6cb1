/**
 * The end of a run in text and images: the results, whether it learned, what to type next. It needs no cursor
 * movement.
 */
import { basename, join } from 'node:path';
import { displayPath } from '../../base/paths.ts';
import { formatBytes, formatDuration, neutralise } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import { byHeartWords, neverWords } from '../../engine/events/image-losses.ts';
import { type RunState, workedSeconds } from '../../engine/events/run-state.ts';
import { verdictWords } from '../../engine/events/words.ts';
import type { RunExit } from '../../engine/run-folder/layout.ts';
import { padEnd, truncate, width, wrap } from '../../terminal/columns.ts';
import { canShowImages, renderImagePair } from '../../terminal/images.ts';
import { stepLines } from '../../terminal/next-steps.ts';
import { spell } from '../../terminal/signs.ts';
import type { Style } from '../../terminal/style.ts';
import { highlighted, type Line, type Styled, styled } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import { lossText } from './parts.ts';
import { samplePairs } from './samples.ts';

export interface EndInput {
  readonly state: RunState;
  readonly exit: RunExit;
  readonly name: string;
  readonly runDir: string;
  /** Folder that paths are shown relative to, if they lie below it. */
  readonly cwd: string;
  readonly about: RunAbout;
}

export interface EndRoom {
  readonly style: Style;
  readonly columns: number;
  /** Rows of the terminal. The whole end must fit, so images get the rows that the text leaves free. */
  readonly rows: number;
  /** Depth of colour, as in `Capabilities.colour`. Below 2, images are named and not shown. */
  readonly colour: number;
}

const LABEL = 12;
const IMAGE_ROWS = 14;

export function renderEnd(input: EndInput, room: EndRoom): Line[] {
  const { exit, name, state } = input;
  const { style } = room;
  if (exit.status === 'finished') return finished(input, room);
  if (exit.status === 'stopped') {
    const where = state.steps > 0 ? ` at step ${exit.step} of ${state.steps}` : '';
    const mark = style.warn(style.unicode ? '■' : '*');
    return section({ mark, name, what: ` was stopped${where}.` }, [capital(sentence(exit.reason))], exit, room);
  }
  const nothing = state.learned?.verdict === 'nothing';
  const what = nothing ? `Finished, but nothing was learned (exit ${exit.code})` : stoppedBy(exit);
  const why = nothing ? [String(state.learned?.reason ?? exit.reason)] : [];
  const good = state.checkpoints.at(-1);
  const kept = good === undefined || nothing ? [] : [`The checkpoint of step ${good.step} is good.`];
  return section({ mark: style.bad(style.glyph.cross), name, what: `: ${what}` }, [...why, ...kept], exit, room);
}

function stoppedBy({ step, reason, code }: RunExit): string {
  const where = step > 0 && !/^Step \d/.test(reason) ? `stopped at step ${step}: ` : '';
  return `${where}${sentence(reason)} (exit ${code})`;
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? String(text) : `${text}.`);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

interface Head {
  readonly mark: Styled;
  readonly name: string;
  readonly what: string;
}

/** A section: headline, further lines, details, next steps. */
function section(head: Head, lines: readonly string[], exit: RunExit, { style, columns }: EndRoom): Line[] {
  const inside = columns - 3;
  // Words are not cut, because paths and commands among them are to be copied.
  const broken = (line: string) => wrap(spell(neutralise(line), style), inside, { whole: true });
  const words = [...lines, ...exit.details].flatMap(broken);
  const steps = exit.next_steps.flatMap((step) => stepLines(spell(neutralise(step), style), inside));
  return [
    '',
    ...wrapHead(head, style, columns),
    ...words.map((line) => `  ${line}`),
    ...steps.map((line) => styled`  ${style.accent(line)}`),
    ...(exit.id === undefined ? [] : [styled`  ${style.dim(neutralise(`visiontrain explain ${exit.id}`))}`]),
  ];
}

function wrapHead({ mark, name, what }: Head, style: Style, columns: number): Line[] {
  const whole = neutralise(`${mark} ${name}${what}`);
  // The number of the exit code stays on one line with its word.
  const joined = whole.replace('(exit ', '(exit\u00a0');
  const lines = wrap(joined, columns - 3, { whole: true }).map((line) => line.replace('\u00a0', ' '));
  const [first = '', ...rest] = lines;
  const painted = highlighted(first, [
    [String(mark), () => mark],
    [neutralise(name), style.bold],
  ]);
  return [painted, ...rest.map((line) => `  ${line}`)];
}

function finished({ state, exit, name, runDir, cwd, about }: EndInput, room: EndRoom): Line[] {
  const { style, columns } = room;
  const rows: Row[] = [];
  const [lora] = exit.outputs;
  const inside = columns - LABEL - 1;
  if (lora !== undefined) {
    const file = state.saved.find(({ best }) => best === true);
    const named = file === undefined ? '' : `, ${basename(file.path)}`;
    const best = state.bestStep === undefined ? [] : [`best checkpoint: step ${state.bestStep}${neutralise(named)}`];
    const path = neutralise(displayPath(join(runDir, lora.path), cwd));
    rows.push(...toCopy('LoRA', path, formatBytes(lora.bytes), room));
    const facts = [`SHA-256 ${lora.sha256.slice(0, 16)}${style.glyph.ellipsis}`, ...best];
    const line = facts.join('   ');
    rows.push(['', (width(line) <= inside ? [line] : facts).map((fact) => style.dim(fact))]);
  }
  if (exit.reason !== 'finished')
    rows.push(['Ended', wrap(spell(neutralise(sentence(exit.reason)), style), inside, { whole: true })]);
  const learned = learnedLines(state, style, inside);
  if (learned.length > 0) rows.push(['Learned', learned]);
  rows.push(...imageRows(state, style, inside));
  const before = rows.length;
  const prompt = about.prompt === undefined ? [] : [spell(neutralise(`prompt: ${about.prompt}`), style)];
  rows.push([
    'Use it',
    [
      ...wrap('copy it to models/loras (ComfyUI) or models/Lora (A1111, Forge)', inside),
      ...(about.embedding === undefined
        ? []
        : wrap(
            `the embedding beside it to models/embeddings or embeddings, as ${about.embedding}.safetensors; in ComfyUI write embedding:${about.embedding}`,
            inside,
          )),
      ...prompt.map((line) => truncate(line, inside, style.glyph.ellipsis)),
    ],
  ]);
  if (exit.next_steps.length > 0) rows.push(['Next', exit.next_steps]);
  rows.push(...judgeRow(state, { name, judge: about.judge }, room));
  const again = `visiontrain run ${neutralise(shellWord(displayPath(join(runDir, 'run.yaml'), cwd)))}`;
  rows.push(...toCopy('Again', again, 'the same, to the same bytes', room));
  // Rows of text beside the images: three lines above, two below, and the shell's own.
  const words = rows.reduce(
    (sum, row) => sum + rowLines(row, style).reduce((n, line) => n + folded(line, columns), 0),
    0,
  );
  const left = room.rows - words - 6;
  const images = sampleLines(state, runDir, { ...room, columns: inside, rows: Math.min(IMAGE_ROWS, left) });
  if (images.length > 0) rows.splice(before, 0, ['Pictures', images]);
  return [
    '',
    styled`${style.good(style.glyph.tick)} ${style.bold(name)} is trained: ${stepsText(state, exit)}${took(state)}`,
    '',
    ...rows.flatMap((row) => rowLines(row, style)),
  ];
}

/** The row about the best checkpoint, for a run with several checkpoints. */
function judgeRow({ checkpoints }: RunState, of: Pick<RunAbout, 'judge'> & { name: string }, room: EndRoom): Row[] {
  if (checkpoints.filter(({ step }) => step > 0).length < 2) return [];
  const command = `visiontrain judge ${neutralise(shellWord(of.name))}`;
  return of.judge
    ? toCopy('Best one', `${command} --show`, 'the comparison of the checkpoints, once it is made', room)
    : toCopy('Best one', command, 'compares the checkpoints', room);
}

/** The number of steps: `1600 steps`, or `900 of 1600 steps` for a run that ended early. */
const stepsText = ({ steps }: RunState, { step }: RunExit) =>
  step < steps ? `${step} of ${steps} steps` : `${steps} steps`;

type Row = readonly [label: string | undefined, lines: readonly Line[]];

/** The lines of a row with the label beside the first. Without a label they start at the left edge. */
function rowLines([label, lines]: Row, style: Style): Line[] {
  if (label === undefined) return [...lines];
  return lines.map((line, i) => styled`  ${style.dim(padEnd(i === 0 ? label : '', LABEL - 2))}${line}`);
}

/** Rows that a line takes on the terminal. */
const folded = (line: Line, columns: number) => Math.max(1, Math.ceil(width(String(line)) / columns));

/**
 * A text that is to be copied as a whole. If it does not fit beside the label, it gets a line of its own, from the
 * left edge.
 */
function toCopy(label: string, text: string, remark: string, { style, columns }: EndRoom): Row[] {
  const room = columns - LABEL - 1;
  if (width(text) + 3 + width(remark) <= room) return [[label, [styled`${text}   ${style.dim(remark)}`]]];
  if (width(text) <= room) return [[label, [text, style.dim(remark)]]];
  return [
    [label, [style.dim(`${remark}:`)]],
    [undefined, [text]],
  ];
}

function took(state: RunState): string {
  const seconds = workedSeconds(state);
  return seconds === undefined ? '' : ` in ${formatDuration(seconds)}`;
}

function learnedLines({ learned }: RunState, style: Style, cells: number): Line[] {
  if (learned === undefined) return [];
  const { verdict, before, after, weight_change: change, reason } = learned;
  const word = verdictWords[verdict];
  const { arrow, plusMinus } = style.glyph;
  // The reason compares the losses image by image, which is more precise than the error of the mean.
  const losses =
    reason !== undefined || before === undefined || after === undefined
      ? (reason ?? '')
      : `loss at fixed noise ${lossText(before.loss)} ${arrow} ${lossText(after.loss)} ${plusMinus} ${lossText(after.stderr)}`;
  const parts = Object.entries(change).map(([part, share]) => `${partName(part)} ${(share * 100).toPrecision(2)} %`);
  const [first = '', ...rest] = wrap(spell(neutralise(`${word}: ${losses}`), style), cells);
  const painted = highlighted(first, [[word, verdict === 'learned' ? style.good : style.warn]]);
  const weights = parts.length > 0 ? wrap(`weights changed: ${parts.join(', ')}`, cells).map(style.dim) : [];
  return [painted, ...rest, ...weights];
}

/** Rows for images that were never learned, or learned by heart. */
function imageRows({ imageLosses: found }: RunState, style: Style, cells: number): Row[] {
  if (found === undefined) return [];
  const wordsRow = (label: string, text: string | undefined): Row[] =>
    text === undefined ? [] : [[label, wrap(spell(neutralise(text), style), cells, { whole: true })]];
  return [...wordsRow('Unlearned', neverWords(found)), ...wordsRow('By heart', byHeartWords(found))];
}

/** The name of a part for people: `unet.down` → `U-Net down`. */
function partName(part: string): string {
  return neutralise(part)
    .replace(/^unet\.?/, 'U-Net ')
    .replaceAll('_', ' ')
    .trim();
}

/** Least rows of an image: with fewer nothing can be recognised. */
const LEAST_ROWS = 5;

function sampleLines(state: RunState, runDir: string, { style, columns, rows, colour }: EndRoom): Line[] {
  const newest = samplePairs(state)[0];
  if (newest?.with === undefined) return [];
  const shown = { colour: rows < LEAST_ROWS ? 0 : colour, unicode: style.unicode };
  const room = { columns: canShowImages(shown) ? Math.min(columns, 60) : columns, rows, ...shown };
  const path = join(runDir, newest.with);
  if (newest.without === undefined) return [path];
  const pair = renderImagePair({ without: join(runDir, newest.without), with: path }, room);
  const caption = `the same prompt and seed: ${spell(neutralise(newest.prompt), style)}`;
  const where = canShowImages(room)
    ? [style.dim(truncate(join(runDir, 'samples'), columns, style.glyph.ellipsis))]
    : [];
  return [...pair, style.dim(truncate(caption, columns, style.glyph.ellipsis)), ...where];
}
