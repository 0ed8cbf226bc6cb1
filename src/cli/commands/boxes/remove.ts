import { EXIT, UsageError } from '../../../base/errors.ts';
import { findBox, knownBoxes, saveBoxes } from '../../../engine/boxes/known.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showBoxes } from './list.ts';

/** Forgets boxes. Files on them are not changed. */
export const run: CommandRun = async (names, _options, context) => {
  const { places, out, flags } = context;
  if (names.length === 0)
    throw new UsageError('Which box?', {
      id: 'box/none',
      nextSteps: ['visiontrain hosts', 'visiontrain hosts remove NAME'],
    });
  const gone = names.map((name) => findBox(name, places.config).name);
  saveBoxes(
    places.config,
    knownBoxes(places.config).filter(({ name }) => !gone.includes(name)),
  );
  if (!flags.json) out.talk(`${gone.join(', ')}: forgotten. Nothing there was touched; its runs run on.`);
  showBoxes(knownBoxes(places.config), context);
  return EXIT.ok;
};
