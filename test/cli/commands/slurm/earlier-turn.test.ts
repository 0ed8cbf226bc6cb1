/** The next turn of a job of Slurm, when what its turn before has started lives on. The trainer is the stand-in. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../../../src/base/process/identity.ts';
import type { SupervisorFile } from '../../../../src/engine/run-folder/layout.ts';
import { readExit, readSupervisor } from '../../../../src/engine/run-folder/run-files.ts';
import type { RunRef } from '../../../../src/engine/runs/create.ts';
import { startRun } from '../../../../src/engine/runs/start.ts';
import { cli } from '../../../helpers/cli.ts';
import { FixtureHome, until } from '../../../helpers/fixture-run.ts';

describe('the next turn of a job', () => {
  let home: FixtureHome;
  let run: RunRef;
  beforeEach(() => {
    home = new FixtureHome();
    run = home.create();
    // The run does not end by itself: it holds its last step until it is stopped.
    writeFileSync(holds(), 'fox');
  });
  afterEach(() => home.remove());

  const holds = () => join(home.dir, 'holds');
  const envOf = (job: string, more: NodeJS.ProcessEnv = {}) => ({
    ...home.env,
    SLURM_JOB_ID: job,
    FIXTURE_HOLDS: holds(),
    ...more,
  });
  const turn = (job: string) => cli(['slurm', 'job', run.dir], envOf(job, { SLURM_RESTART_COUNT: '1' }));
  /** The first turn, which trains and holds. */
  const firstTurn = async (job: string, more: NodeJS.ProcessEnv = {}) => {
    await startRun(run, envOf(job, more));
    await until(() => readSupervisor(run.dir)?.trainer != null);
    return readSupervisor(run.dir) as SupervisorFile & { trainer: NonNullable<SupervisorFile['trainer']> };
  };

  it('stops the turn before, whose processes live on, and goes on with its run', async () => {
    const before = await firstTurn('77');
    expect(before.slurm_job).toBe('77');
    const { code, stderr } = await turn('77');
    expect([isAlive(before), isAlive(before.trainer)]).toEqual([false, false]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('The turn before of job 77 still trains fox: it is stopped, with a checkpoint.');
    expect([readExit(run.dir)?.status, readSupervisor(run.dir)?.attempt]).toEqual(['finished', 2]);
  });

  it('ends a trainer of the turn before whose supervisor is dead', async () => {
    const before = await firstTurn('77');
    process.kill(before.pid, 'SIGKILL');
    await until(() => isAlive(before) === false);
    expect(isAlive(before.trainer)).toBe(true);
    const { code, stderr } = await turn('77');
    expect(code, stderr).toBe(0);
    expect(isAlive(before.trainer)).toBe(false);
    expect([readExit(run.dir)?.status, readSupervisor(run.dir)?.attempt]).toEqual(['finished', 2]);
  });

  it('leaves a run alone that anyone else has started, and says who', async () => {
    const other = await firstTurn('76');
    const { code, stderr } = await turn('77');
    expect(code).toBe(2);
    expect(stderr).toContain('fox is already running, and job 77 did not start it.');
    expect(stderr).toContain('It was started by job 76 of Slurm.');
    expect([isAlive(other), isAlive(other.trainer)]).toEqual([true, true]);
  });
});
