/**
 * Remembers which hooks a person has agreed to. A run.yaml may come from anybody, and its hooks are programs that
 * would be run.
 */

import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import type { Places } from '../../base/paths.ts';
import type { HookName, HookSpecs } from '../../spec/sections/hooks.ts';

const file = (places: Places) => join(places.state, 'hooks.json');

/** Each command in readable form, with the hook that it belongs to. */
export const hookLines = (hooks: HookSpecs): string[] =>
  Object.entries(hooks).flatMap(([name, list]) =>
    list.map(({ run }) => `${name}: ${typeof run === 'string' ? run : JSON.stringify(run)}`),
  );

export const hasHooks = (hooks: HookSpecs): boolean => Object.values(hooks).some((list) => list.length > 0);

/** Hash of what a person agrees to: the commands and when they are run, but not their time limits. */
function digest(hooks: HookSpecs): string {
  const commands = Object.entries(hooks)
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => [name, list.map(({ run }) => run)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256OfText(JSON.stringify(commands));
}

export const hooksAreAllowed = (hooks: HookSpecs, places: Places): boolean =>
  !hasHooks(hooks) || readKept(file(places)).includes(digest(hooks));

/**
 * Must be called before a run with hooks is made or resumed. Hooks that were allowed once stay allowed, in any file.
 * @throws UsageError when the person has not allowed them, and does not do so now
 */
export function settleHooks(hooks: HookSpecs, places: Places, allows: boolean): void {
  if (hooksAreAllowed(hooks, places)) return;
  if (!allows)
    throw new UsageError('This run has hooks, which run commands on this machine as you.', {
      id: 'hooks/not-allowed',
      details: hookLines(hooks),
      nextSteps: ['If you know them all, start it again with --allow-hooks; the same commands are asked for once.'],
    });
  keep(file(places), digest(hooks));
}

/**
 * The hooks with absolute paths of programs. Relative ones start from the folder of run.yaml, but hooks run in the run
 * folder.
 */
export function withAbsolutePrograms(hooks: HookSpecs, absolute: (path: string) => string): HookSpecs {
  const program = (word: string, i: number) => (i === 0 && /^\.\.?\//.test(word) ? absolute(word) : word);
  const entries = (Object.keys(hooks) as HookName[]).map((name) => {
    const list = hooks[name].map((hook) => ({
      ...hook,
      run: Array.isArray(hook.run) ? hook.run.map(program) : hook.run,
    }));
    return [name, list] as const;
  });
  return Object.fromEntries(entries) as HookSpecs;
}
