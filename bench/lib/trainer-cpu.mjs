// The processor's time that a run's trainer takes for a step, which counts on a machine that does other things. Linux.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Milliseconds that the kernel has given to all threads of a process; undefined where it is over. */
function cpuOf(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/schedstat`));
    return threads.reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e6, 0);
  } catch {
    return undefined;
  }
}

/** The processes that train: the one that the supervisor has started, or those that it has launched. */
function trainers(leader) {
  const parents = readdirSync('/proc').flatMap((pid) => {
    const stat = /^\d+$/u.test(pid) ? read(`/proc/${pid}/stat`) : '';
    return stat === '' ? [] : [[pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]]];
  });
  const below = [String(leader)];
  // The launched have sessions of their own, so their group does not tell.
  for (const pid of below) below.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  const words = (pid) => read(`/proc/${pid}/cmdline`).split('\0');
  const training = below.filter((pid) => words(pid).includes('visiontrain_trainer'));
  return training.length > 1 ? training.filter((pid) => pid !== String(leader)) : training;
}

/**
 * Watches a run to its end. Resolves to the milliseconds that each process of its trainer took for a step: between step
 * `first` and the last step that is seen while all of them live and `steps` are not done.
 */
export async function watchCpu(dir, { first, steps }) {
  const seen = [];
  while (!existsSync(join(dir, 'exit.json'))) {
    const step = (read(join(dir, 'events.jsonl')).match(/"type": ?"step"/gu) ?? []).length;
    if (step >= first && step < steps && step !== seen.at(-1)?.step) {
      const leader = JSON.parse(read(join(dir, 'supervisor.json')) || '{}').trainer?.pid;
      const cpu = trainers(leader).map(cpuOf);
      if (!cpu.includes(undefined) && cpu.length >= (seen[0]?.cpu.length ?? 1)) seen.push({ step, cpu });
    }
    await sleep(20);
  }
  const [from, to] = [seen[0], seen.at(-1)];
  return from.cpu.map((cpu, i) => (to.cpu[i] - cpu) / (to.step - from.step));
}
