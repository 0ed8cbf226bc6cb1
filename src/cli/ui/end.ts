/** The end of a run in words and pictures: what came out, whether it learnt, what to type next. Plain text, no cursor. */
import { join } from 'node:path';
import type { RunState } from '../../engine/events/reducer.ts';
import { near } from '../../engine/paths.ts';
import type { RunExit } from '../../engine/runs/layout.ts';
import { formatBytes, formatDuration, neutralise } from '../../engine/text.ts';
import { shellWord } from '../../engine/typed-path.ts';
import { padEnd, truncate, width, wrap } from '../columns.ts';
import { type Style, spell } from '../style.ts';
import type { RunAbout } from './about.ts';
import { lossText, verdictWords } from './parts.ts';
import { canShowPictures, renderPicturePair } from './pictures.ts';
import { samplePairs } from './samples.ts';

export interface EndInput {
  readonly state: RunState;
  readonly exit: RunExit;
  readonly name: string;
  readonly runDir: string;
  /** Paths below it are shown relative. */
  readonly cwd: string;
  readonly about: RunAbout;
}

export interface EndRoom {
  readonly style: Style;
  readonly columns: number;
  /** All of the end is to be seen at once: pictures take what the words leave. */
  readonly rows: number;
  /** As `Capabilities.colour`; below 2 pictures are named, not shown. */
  readonly colour: number;
}

const LABEL = 12;
const PICTURE_ROWS = 14;

export function renderEnd(input: EndInput, room: EndRoom): string[] {
  const { exit, name, state } = input;
  const { style } = room;
  if (exit.status === 'finished') return finished(input, room);
  if (exit.status === 'stopped') {
    const where = state.steps > 0 ? ` at step ${exit.step} of ${state.steps}` : '';
    return section(
      `${style.warn(style.unicode ? '■' : '*')} ${style.bold(name)} was stopped${where}.`,
      [neutralise(capital(sentence(exit.reason)))],
      exit,
      room,
    );
  }
  const nothing = state.learnt?.verdict === 'nothing';
  const what = nothing ? `Finished, but nothing was learnt (exit ${exit.code})` : stoppedBy(exit);
  const why = nothing ? [neutralise(state.learnt?.reason ?? exit.reason)] : [];
  const good = state.checkpoints.at(-1);
  const kept = good === undefined || nothing ? [] : [`The checkpoint of step ${good.step} is good.`];
  return section(`${style.bad(style.glyph.cross)} ${style.bold(name)}: ${what}`, [...why, ...kept], exit, room);
}

function stoppedBy({ step, reason, code }: RunExit): string {
  const where = step > 0 && !/^Step \d/.test(reason) ? `stopped at step ${step}: ` : '';
  return `${where}${neutralise(sentence(reason))} (exit ${code})`;
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Headline, further lines, details, what to type. */
function section(head: string, lines: readonly string[], exit: RunExit, { style, columns }: EndRoom): string[] {
  const inside = columns - 3;
  // Whole, since paths and commands in them are to be copied.
  const broken = (line: string) => wrap(spell(line, style), inside, { whole: true });
  const words = [...lines, ...exit.details.map(neutralise)].flatMap(broken);
  const steps = exit.next_steps.map(neutralise).flatMap((line) => {
    // A command that is broken cannot be copied.
    const [, words = '', command] = /^(.*: )?(visiontrain .*)$/.exec(line) ?? [];
    return command === undefined || width(line) <= inside
      ? broken(line)
      : [...(words ? broken(words.trim()) : []), command];
  });
  return [
    '',
    ...wrapHead(head, columns),
    ...words.map((line) => `  ${line}`),
    ...steps.map((line) => `  ${style.accent(line)}`),
  ];
}

const wrapHead = (head: string, columns: number) =>
  wrap(head, columns - 1, { whole: true }).map((line, i) => (i === 0 ? line : `  ${line}`));

function finished({ state, exit, name, runDir, cwd, about }: EndInput, room: EndRoom): string[] {
  const { style, columns } = room;
  const rows: [string, readonly string[]][] = [];
  const [lora] = exit.outputs;
  const inside = columns - LABEL - 1;
  if (lora !== undefined) {
    const best = state.bestStep === undefined ? '' : `   best checkpoint: step ${state.bestStep}`;
    rows.push([
      'LoRA',
      [
        `${neutralise(near(join(runDir, lora.path), cwd))}   ${formatBytes(lora.bytes)}`,
        style.dim(`SHA-256 ${neutralise(lora.sha256.slice(0, 16))}${style.glyph.ellipsis}${best}`),
      ],
    ]);
  }
  const learnt = learntLines(state, style).flatMap((line) => wrap(line, inside));
  if (learnt.length > 0) rows.push(['Learnt', learnt]);
  const before = rows.length;
  const prompt = about.prompt === undefined ? [] : [spell(`prompt: ${neutralise(about.prompt)}`, style)];
  rows.push([
    'Use it',
    ['copy it to models/loras (ComfyUI) or models/Lora (A1111, Forge)', ...prompt].map((line) =>
      truncate(line, inside, style.glyph.ellipsis),
    ),
  ]);
  const steps = exit.next_steps.map(neutralise);
  const again = `visiontrain run ${neutralise(shellWord(near(join(runDir, 'run.yaml'), cwd)))}`;
  rows.push(['Again', [...steps, `${again}   ${style.dim('the same, to the same bytes')}`]]);
  // Beside them: three lines above, two below the pictures, and the shell's own.
  // Lines that are too long, of paths to be copied, fold.
  const folded = (line: string) => Math.max(1, Math.ceil((LABEL + width(line)) / columns));
  const words = rows.flatMap(([, lines]) => lines).reduce((sum, line) => sum + folded(line), 0);
  const left = room.rows - words - 6;
  const pictures = pictureLines(state, runDir, { ...room, columns: inside, rows: Math.min(PICTURE_ROWS, left) });
  if (pictures.length > 0) rows.splice(before, 0, ['Pictures', pictures]);
  return [
    '',
    `${style.good(style.glyph.tick)} ${style.bold(name)} is trained: ${state.steps} steps${took(state)}`,
    '',
    ...rows.flatMap(([label, lines]) =>
      lines.map((line, i) => `  ${style.dim(padEnd(i === 0 ? label : '', LABEL - 2))}${line}`),
    ),
  ];
}

function took({ startedAt, lastEventAt }: RunState): string {
  return startedAt === undefined || lastEventAt === undefined ? '' : ` in ${formatDuration(lastEventAt - startedAt)}`;
}

function learntLines({ learnt }: RunState, style: Style): string[] {
  if (learnt === undefined) return [];
  const { verdict, before, after, moved, reason } = learnt;
  const word = verdictWords[verdict];
  const { arrow, plusMinus } = style.glyph;
  // The reason compares picture by picture; the error of one mean alone says less.
  const losses =
    reason !== undefined || before === undefined || after === undefined
      ? (reason ?? '')
      : `loss at fixed noise ${lossText(before.loss)} ${arrow} ${lossText(after.loss)} ${plusMinus} ${lossText(after.stderr)}`;
  const parts = Object.entries(moved).map(([part, share]) => `${partName(part)} ${(share * 100).toPrecision(2)} %`);
  const first = `${verdict === 'learnt' ? style.good(word) : style.warn(word)}: ${spell(neutralise(losses), style)}`;
  return [first, ...(parts.length > 0 ? [style.dim(`weights moved: ${parts.join(', ')}`)] : [])];
}

/** `unet.down` → `U-Net down` */
function partName(part: string): string {
  return neutralise(part)
    .replace(/^unet\.?/, 'U-Net ')
    .replaceAll('_', ' ')
    .trim();
}

/** Fewer rows show no more than a smear. */
const LEAST_ROWS = 5;

function pictureLines(state: RunState, runDir: string, { style, columns, rows, colour }: EndRoom): string[] {
  const newest = samplePairs(state)[0];
  if (newest?.with === undefined) return [];
  const shown = { colour: rows < LEAST_ROWS ? 0 : colour, unicode: style.unicode };
  const room = { columns: canShowPictures(shown) ? Math.min(columns, 60) : columns, rows, ...shown };
  const path = join(runDir, newest.with);
  if (newest.without === undefined) return [neutralise(path)];
  const pair = renderPicturePair({ without: join(runDir, newest.without), with: path }, room);
  const caption = `the same prompt and seed: ${spell(neutralise(newest.prompt), style)}`;
  const where = canShowPictures(room)
    ? [style.dim(truncate(join(runDir, 'samples'), columns, style.glyph.ellipsis))]
    : [];
  return [...pair, style.dim(truncate(caption, columns, style.glyph.ellipsis)), ...where];
}
