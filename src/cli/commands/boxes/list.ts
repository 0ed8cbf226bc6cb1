import { EXIT, UsageError } from '../../../base/errors.ts';
import { loginLine } from '../../../engine/boxes/faults.ts';
import { type Box, knownBoxes } from '../../../engine/boxes/known.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';

/** Lists the known boxes, without connecting to them. */
export const run: CommandRun = async (what, _options, context) => {
  if (what.length > 0) throw new UsageError('hosts list takes nothing behind it.', { id: 'command/wrong' });
  showBoxes(knownBoxes(context.places.config), context);
  return EXIT.ok;
};

export function showBoxes(boxes: readonly Box[], { out, flags }: Context): void {
  if (flags.json) {
    out.json({
      hosts: boxes.map(({ name, target, port, identity, jump, home }) => ({
        ...{ name, target, port: port ?? null, identity: identity ?? null },
        ...{ jump: jump ?? [], home: home ?? null },
      })),
    });
    return;
  }
  if (boxes.length === 0) {
    out.talk('No other machine is known.  visiontrain hosts add NAME user@machine');
    return;
  }
  const rows = boxes.map((box) => [box.name, loginLine(box), box.home ?? '-']);
  for (const line of table(['NAME', 'REACHED BY', 'FOLDER'], rows, { width: out.width, expendable: ['FOLDER'] }))
    out.data(line);
}
