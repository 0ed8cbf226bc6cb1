/** Reads options of the command line. */
import { UsageError } from '../../../base/errors.ts';
import { silentEnvironment } from '../../../engine/settings/read-notify.ts';
import type { Context } from '../../shell/context.ts';

export type Options = Readonly<Record<string, unknown>>;

/** An option's value as it was typed; undefined when it is not given. */
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The values of an option that may be repeated, in their order. */
export const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

/**
 * The value of `--sha256` in lower case; undefined when it is not given.
 * @throws UsageError when it is no SHA-256
 */
export function sha256Option(options: Options): string | undefined {
  const sha256 = text(options.sha256)?.toLowerCase();
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw new UsageError('--sha256 is the SHA-256 of the file: 64 hexadecimal digits.', { id: 'command/wrong-value' });
  return sha256;
}

/**
 * The variable that `--token-env` names.
 * @throws UsageError when that variable is empty
 */
export function tokenOption(options: Options, env: NodeJS.ProcessEnv): string | undefined {
  const name = text(options.tokenEnv);
  if (name !== undefined && !env[name]?.trim())
    throw new UsageError(`--token-env names ${name}, but that variable is empty.`, {
      id: 'model/token',
      nextSteps: [`export ${name}=…   with the token that the server gave you`],
    });
  return name;
}

/** The context with `--no-notify` applied: neither the run nor the watching process sends notices. */
export const withNotifyOption = (options: Options, context: Context): Context =>
  options.notify === false ? { ...context, env: silentEnvironment(context.env) } : context;
