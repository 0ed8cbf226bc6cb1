/**
 * Answers `--help` and `--version` when they are the only argument. `bin/visiontrain` calls this module first: it is a
 * small bundle of its own, which loads faster than the folder of compiled code can be found.
 */
import { packageVersion } from '../../base/package-root.ts';
import { commands } from '../commands/table.ts';
import { processOutput } from '../shell/output.ts';
import { helpList } from './help-list.ts';

/** Answers `--help` or `--version`; returns false for any other command line, or when the answer cannot be written. */
export function answeredQuickly(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const [flag] = argv.length === 1 ? argv : [];
  const help = flag === '--help' || flag === '-h';
  if (!help && flag !== '--version' && flag !== '-V') return false;
  try {
    const out = processOutput({ env, plain: false });
    out.verbatim(help ? helpList(commands, out.width ?? 80) : packageVersion());
    return true;
  } catch {
    // The whole program tries again, and reports the error.
    return false;
  }
}
