/**
 * `--help` and `--version` alone. `bin/visiontrain` asks this module first: it is a small file of its own, which is read
 * in less time than it takes to find out where compiled code is kept.
 */
import { packageVersion } from '../../base/package-root.ts';
import { commands } from '../commands/table.ts';
import { processOutput } from '../shell/output.ts';
import { helpList } from './help-list.ts';

/** Answers `--help` or `--version`; false when something else is asked, or when the answer cannot be written. */
export function answeredQuickly(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const [asked] = argv.length === 1 ? argv : [];
  const help = asked === '--help' || asked === '-h';
  if (!help && asked !== '--version' && asked !== '-V') return false;
  try {
    const out = processOutput({ env, plain: false });
    out.verbatim(help ? helpList(commands, out.width ?? 80) : packageVersion());
    return true;
  } catch {
    // The whole program tries again, and says what is wrong.
    return false;
  }
}
