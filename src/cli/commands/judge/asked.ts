/** The flags of `judge` about what is judged, and by which models. */
import { UsageError } from '../../../base/errors.ts';

type Options = Readonly<Record<string, unknown>>;

export interface JudgeFlags {
  readonly steps?: readonly number[];
  readonly strengths?: readonly number[];
  readonly seeds?: number;
  readonly trigger?: string;
  readonly likeness: string | undefined;
  readonly fit: string | undefined;
  /** Whether the LoRA file of the advised checkpoint is written at the end. */
  readonly export: boolean;
  /** The flags as words of a command line. */
  readonly argv: readonly string[];
}

/**
 * Reads the flags.
 * @throws UsageError
 */
export function judgeFlags(options: Options): JudgeFlags {
  const given = ['steps', 'strength', 'seeds', 'trigger', 'likeness', 'fit'].filter(
    (name) => options[name] !== undefined,
  );
  const models = { likeness: textOf(options, 'likeness'), fit: textOf(options, 'fit') };
  const steps = numbers(options, 'steps', { least: 1, whole: true });
  const strengths = numbers(options, 'strength', { least: 0, whole: false });
  const [seeds] = numbers(options, 'seeds', { least: 1, whole: true }) ?? [];
  return {
    ...(steps === undefined ? {} : { steps }),
    ...(strengths === undefined ? {} : { strengths }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(typeof options.trigger === 'string' ? { trigger: options.trigger } : {}),
    ...models,
    export: options.export === true,
    // The separate process starts in the same folder, so relative paths stay valid.
    argv: [
      ...given.flatMap((name) => [`--${name}`, String(options[name])]),
      ...(options.export === true ? ['--export'] : []),
    ],
  };
}

const textOf = (options: Options, name: string) =>
  typeof options[name] === 'string' ? (options[name] as string) : undefined;

/** Most numbers in a flag, and (below) the largest one. */
const MOST = 100;

function numbers(options: Options, name: string, { least, whole }: { least: number; whole: boolean }) {
  const text = options[name];
  if (typeof text !== 'string') return undefined;
  const found = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const wrong = found.some(
    (value) => !(value >= least) || !Number.isFinite(value) || (whole && !Number.isInteger(value)),
  );
  if (wrong || found.length > MOST)
    throw new UsageError(`--${name} must be numbers of ${least} or more with commas between them; this is ${text}.`, {
      id: 'command/wrong-value',
    });
  return [...new Set(found)];
}
