import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UsageError } from '../../base/errors.ts';
import { followLog } from '../../base/files/log-lines.ts';
import { RUN_FILES } from '../../engine/run-folder/layout.ts';
import { findRun } from '../../engine/runs/find.ts';
import { runCondition } from '../../engine/runs/summary.ts';
import type { CommandRun } from '../shell/context.ts';
import { leaveOnInterrupt } from './shared/steps/stop-signals.ts';

/** Shows the output of the trainer, or of its supervisor while there is no trainer. Control sequences are removed. */
export const run: CommandRun = async ([query = ''], options, { out, places, flags }) => {
  const { name, dir } = findRun(query, places.runs);
  const follow = options.follow === true;
  const live = () => runCondition(dir).state === 'live';
  const trainer = join(dir, RUN_FILES.log);
  const supervisor = join(dir, RUN_FILES.supervisorLog);
  const path = existsSync(trainer) || (follow && live()) ? trainer : supervisor;
  if (!existsSync(path) && !follow)
    throw new UsageError(`${name} has printed nothing: it was never started.`, {
      id: 'run/not-started',
      nextSteps: [`visiontrain resume ${name}`],
    });
  const leave = leaveOnInterrupt();
  try {
    let isAnnounced = false;
    for await (const line of followLog(path, { more: () => follow && live(), signal: leave.signal })) {
      if (flags.json) out.jsonLine({ line });
      else out.verbatim(line);
      isAnnounced = true;
    }
    if (!isAnnounced && !flags.json)
      out.talk(`The trainer of ${name} has printed nothing, as it should.  visiontrain attach ${name}   tells the run`);
  } finally {
    leave.off();
  }
  return EXIT.ok;
};
