/** The words after an action of `preset`. */
import { UsageError } from '../../../base/errors.ts';

/**
 * Returns the words if there are exactly `count`.
 * @throws UsageError that shows how the action is typed
 */
export function words(what: readonly string[], count: number, typed: string): readonly string[] {
  if (what.length === count && what.every((word) => word !== '')) return what;
  throw new UsageError(`It is typed:  visiontrain preset ${typed}`, {
    id: 'command/wrong',
    nextSteps: ['visiontrain preset list   shows the presets you have'],
  });
}
