import { z } from 'zod';
import { EXIT, type ExitCode, UsageError, VisiontrainError } from '../../../base/errors.ts';
import { packageVersion } from '../../../base/package-root.ts';
import { neutralise } from '../../../base/text.ts';
import { type Box, findBox, knownBoxes } from '../../../engine/boxes/known.ts';
import { farCommand } from '../../../engine/boxes/program.ts';
import { runThere } from '../../../engine/boxes/ssh.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { connect } from './connect.ts';

/** Connects to boxes, installs our program there, and runs its doctor to see whether they can train. */
export const run: CommandRun = async (names, _options, context) => {
  const { places } = context;
  const boxes = names.length === 0 ? knownBoxes(places.config) : names.map((name) => findBox(name, places.config));
  if (boxes.length === 0)
    throw new UsageError('There is no box to look at.', {
      id: 'box/none',
      nextSteps: ['visiontrain hosts add NAME user@machine'],
    });
  return showChecks(await checkBoxes(boxes, context), context);
};

const doctorSchema = z.object({
  state: z.string(),
  summary: z.string(),
  findings: z.array(
    z.object({ title: z.string(), verdict: z.string(), text: z.string(), cure: z.array(z.string()).default([]) }),
  ),
});

interface Checked {
  readonly box: Box;
  readonly error?: VisiontrainError;
  readonly doctor?: z.output<typeof doctorSchema>;
}

/** Milliseconds for a doctor. */
const LIMIT = 180_000;

/** Checks all boxes in parallel, since each of them may be slow. */
export async function checkBoxes(boxes: readonly Box[], context: Context): Promise<Checked[]> {
  const stop = stopSignals();
  const check = async (box: Box): Promise<Checked> => {
    try {
      const far = await connect(box, context, { signal: stop.signal, tries: 0 });
      const { stdout } = await runThere(far.line, farCommand(far, ['doctor', '--json']), { limit: LIMIT });
      return { box, doctor: doctorSchema.parse(JSON.parse(stdout)) };
    } catch (error) {
      if (error instanceof VisiontrainError && !stop.signal.aborted) return { box, error };
      throw error;
    }
  };
  return Promise.all(boxes.map(check)).finally(stop.off);
}

/** Prints the results. The exit code is 3 when a box cannot train. */
export function showChecks(all: readonly Checked[], { out, flags }: Context): ExitCode {
  const unfit = all.some(({ error, doctor }) => error !== undefined || doctor?.state === 'bad');
  if (flags.json) {
    out.json({
      hosts: all.map(({ box, error, doctor }) => ({
        ...{ name: box.name, target: box.target, reached: error === undefined },
        error: error === undefined ? null : { id: error.id, message: error.message, next_steps: [...error.nextSteps] },
        version: error === undefined ? packageVersion() : null,
        fit: doctor === undefined ? null : doctor.state !== 'bad',
        summary: doctor?.summary ?? null,
      })),
    });
    return unfit ? EXIT.environment : EXIT.ok;
  }
  for (const { box, error, doctor } of all) {
    if (error !== undefined) {
      out.wrapped(`✖ ${error.message}`);
      for (const line of [...error.details, ...error.nextSteps]) out.talk(`  ${neutralise(line)}`);
      continue;
    }
    out.wrapped(`${box.name}: visiontrain ${packageVersion()}. ${neutralise(doctor?.summary ?? '')}`);
    for (const { title, verdict, text, cure } of doctor?.findings ?? []) {
      if (verdict === 'good') continue;
      out.wrapped(neutralise(`  ! ${title}: ${text}`));
      for (const line of cure) out.talk(`      ${neutralise(line)}`);
    }
  }
  return unfit ? EXIT.environment : EXIT.ok;
}
