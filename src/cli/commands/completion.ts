import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UsageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { CommandRun } from '../shell/context.ts';

const shells = ['bash', 'zsh', 'fish'];

/**
 * Prints the script with which a shell completes commands, actions, flags and names of runs. `npm run docs` writes all
 * of them.
 */
export const run: CommandRun = async ([name = ''], _options, { out, flags }) => {
  const shell = shells.find((each) => each === name);
  if (shell === undefined)
    throw new UsageError(
      `There is completion for ${shells.join(', ')}; this is ${name === '' ? 'none of them' : name}.`,
      {
        id: 'command/wrong',
        nextSteps: [
          'bash:  visiontrain completion bash > ~/.local/share/bash-completion/completions/visiontrain',
          'zsh:   visiontrain completion zsh > ~/.zfunc/_visiontrain',
          'fish:  visiontrain completion fish > ~/.config/fish/completions/visiontrain.fish',
        ],
      },
    );
  const script = readFileSync(join(packageRoot(), 'completions', `visiontrain.${shell}`), 'utf8');
  if (flags.json) out.json({ shell, script });
  else out.verbatim(script);
  return EXIT.ok;
};
