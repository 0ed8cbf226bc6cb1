import { UsageError } from '../../../base/errors.ts';
import { knownBoxes, saveBoxes, typedBox } from '../../../engine/boxes/known.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { checkBoxes, showChecks } from './check.ts';

/** Adds a box and checks it at once. It is added even when it cannot be reached, since it may only be switched off. */
export const run: CommandRun = async ([name, target, ...rest], options, context) => {
  const { places, out, flags } = context;
  if (name === undefined || target === undefined || rest.length > 0)
    throw new UsageError('hosts add takes a name and an address.', {
      id: 'box/name',
      nextSteps: ['visiontrain hosts add gpu1 user@machine', 'visiontrain hosts add gpu1 root@203.0.113.7 -p 40022'],
    });
  const box = typedBox({
    ...{ name, target, port: text(options.port), identity: text(options.identity) },
    ...{ jump: text(options.jump), home: text(options.home) },
  });
  const boxes = knownBoxes(places.config);
  const taken = boxes.find((one) => one.name === name);
  if (taken !== undefined)
    throw new UsageError(`There is a box ${name} already: ${taken.target}.`, {
      id: 'box/taken',
      nextSteps: [`visiontrain hosts remove ${name}`],
    });
  saveBoxes(places.config, [...boxes, box]);
  if (!flags.json) out.talk(`${name} is known now. Looking at it …`);
  return showChecks(await checkBoxes([box], context), context);
};
