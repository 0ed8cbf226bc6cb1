/** Reads options behind a sample prompt, as sd-scripts has them: `zwx in the snow --n blurry --w 768 --d 42`. Pure. */

export interface PromptLine {
  readonly prompt: string;
  readonly negative?: string;
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number;
  readonly steps?: number;
  readonly guidance?: number;
  /** Factor on the weight change of the LoRA. */
  readonly strength?: number;
  /** Layer of the text encoder that is read, counted from the last one; SD1.5 only. */
  readonly clip_skip?: number;
}

interface Flag {
  readonly option: Exclude<keyof PromptLine, 'prompt'>;
  /** Whether a value fits; undefined for text. */
  readonly fits?: (value: number) => boolean;
  readonly takes: string;
}

const whole = (least: number, most: number) => (value: number) =>
  Number.isInteger(value) && value >= least && value <= most;
const side: Flag['fits'] = (value) => whole(64, 4096)(value) && value % 8 === 0;

const flags: Readonly<Record<string, Flag>> = {
  n: { option: 'negative', takes: 'a negative prompt' },
  w: { option: 'width', fits: side, takes: 'a width in pixels, 64 to 4096, a multiple of 8' },
  h: { option: 'height', fits: side, takes: 'a height in pixels, 64 to 4096, a multiple of 8' },
  d: { option: 'seed', fits: whole(0, 2 ** 32 - 1), takes: 'a seed, 0 to 4294967295' },
  s: { option: 'steps', fits: whole(1, 500), takes: 'steps, 1 to 500' },
  l: { option: 'guidance', fits: (value) => value >= 1 && value <= 30, takes: 'a guidance scale, 1 to 30' },
  cs: { option: 'clip_skip', fits: whole(1, 12), takes: 'a clip skip, 1 to 12' },
  am: { option: 'strength', fits: (value) => value >= -4 && value <= 4, takes: 'a strength of the LoRA, -4 to 4' },
};

/** Flags of sd-scripts that have no meaning here, each with what to do instead. */
const others: Readonly<Record<string, string>> = {
  g: 'take it out (a guidance of Flux); --l is the guidance scale',
  t: 'take it out',
  fs: 'take it out (a setting of Flux and SD3)',
  ss: 'take it out, and set samples.sampler for all samples',
  sr: 'take it out',
  cn: 'take it out (ControlNet)',
  ctr: 'take it out (ControlNet)',
};

const NAMES = [...Object.keys(flags), ...Object.keys(others)].sort((a, b) => b.length - a.length).join('|');
const SPLIT = new RegExp(String.raw`(?:^|\s+)--(${NAMES})(?=\s|$)`, 'u');

/** The line without its flags, and their values; `problems` lists what is wrong with them. */
export function readPromptLine(line: string): { readonly line: PromptLine; readonly problems: readonly string[] } {
  const [prompt = '', ...parts] = line.split(SPLIT);
  const options: Record<string, unknown> = {};
  const problems: string[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const name = parts[i] ?? '';
    const text = (parts[i + 1] ?? '').trim();
    const flag = flags[name];
    if (flag === undefined) problems.push(`--${name} is not for these models: ${others[name]}`);
    else if (Object.hasOwn(options, flag.option)) problems.push(`--${name} is given twice: take one out`);
    else if (flag.fits === undefined) options[flag.option] = text;
    else if (text === '' || !flag.fits(Number(text))) problems.push(`--${name} takes ${flag.takes}; this is "${text}"`);
    else options[flag.option] = Number(text);
  }
  return {
    line: { prompt: prompt.trim() === prompt && parts.length === 0 ? prompt : prompt.trim(), ...options },
    problems,
  };
}
