/**
 * `resources.devices: 2` on a processor, through the whole program: plan, launcher, both processes, and one that is
 * killed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { statFields } from '../../src/base/process/identity.ts';
import { readState } from '../../src/engine/events/state.ts';
import { readExit, readSupervisor } from '../../src/engine/run-folder/run-files.ts';
import { until } from '../helpers/fixture-run.ts';
import { drawImages, newPlace, writeSpec } from '../helpers/real-trainer.ts';

const place = newPlace();
afterAll(place.remove);

/** Id of the process with that rank, among the children of the launcher. */
function processOf(launcher: number, rank: number): number | undefined {
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = names.find((name) => {
    try {
      return (
        Number(statFields(name)[1]) === launcher &&
        readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(`RANK=${rank}`)
      );
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

it('two processes train one LoRA, and the loss of one ends the run with its name and signal', async () => {
  drawImages(join(place.dir, 'balls'));
  writeSpec(join(place.dir, 'run.yaml'), './balls', 400);
  const shown = await place.visiontrain('run', 'run.yaml', '--set', 'resources.devices=2', '--dry-run');
  expect(shown.stderr).toContain('÷ (2 × 2 processes)');
  expect(shown.stderr).toContain('2 processes on cpu');
  const started = await place.visiontrain('run', 'run.yaml', '--set', 'resources.devices=2', '--detach', '--no-input');
  expect(started.code, started.stderr).toBe(0);
  const dir = join(place.dir, 'home', 'runs', 'ball');
  await until(() => readState(dir).step > 5);
  expect(readState(dir).latest?.memories).toHaveLength(2);
  const victim = processOf(readSupervisor(dir)?.trainer?.pid as number, 1);
  process.kill(victim as number, 'SIGKILL');
  await until(() => readExit(dir) !== null);
  expect(readExit(dir)).toMatchObject({ status: 'failed', code: 5, id: 'training/lost-process' });
  expect(readExit(dir)?.details).toContain('Process 1 of 2 was ended by SIGKILL.');
});
