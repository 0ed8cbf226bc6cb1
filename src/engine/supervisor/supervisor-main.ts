/** The detached process that owns a run: `node dist/supervisor.js RUN_DIR`. Its output goes to supervisor.log. */
import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { EXIT, VisiontrainError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { places } from '../../base/paths.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { ensureEnvironment } from '../environment/ensure.ts';
import { withReaders } from '../environment/readers.ts';
import { judgeAfterwards, wantsJudging } from '../runs/judge-after.ts';
import { captionRun } from './captions-step.ts';
import { fetchRunModel } from './model-step.ts';
import { runObservers } from './run-observers.ts';
import { supervise } from './supervisor.ts';

const terminated = new AbortController();
// Closing the terminal must not change anything for the run.
process.on('SIGHUP', () => undefined);
process.on('SIGTERM', () => terminated.abort());
process.on('SIGINT', () => terminated.abort());

// Another user's files could steer the run, or be mistaken for its result, so others must not be able to write.
process.umask(process.umask() | 0o022);
const dir = resolve(process.argv[2] ?? '.');
const own = { places: places(process.env), env: process.env };
let environmentIsReady: (environment: PythonEnvironment) => void = () => undefined;
const environment = new Promise<PythonEnvironment>((resolve) => {
  environmentIsReady = resolve;
});
/** What starts the next run. It is loaded early: in a run of days an update of the package may replace these files. */
const loadQueue = () =>
  Promise.all([import('../queue/advance.ts'), import('../runs/start.ts'), import('../runs/groups.ts')]);
let queue: ReturnType<typeof loadQueue> | undefined;
try {
  process.exitCode = await supervise(dir, {
    env: process.env,
    terminated: terminated.signal,
    cacheDir: own.places.cache,
    observers: (folder, relay) => runObservers({ ...own, folder, relay, environment }),
    steps: {
      environment: async (tools, plan) => {
        const { root, images } = plan.data;
        const files = { root, paths: images.map(({ path }) => path) };
        const ready = await ensureEnvironment(own, plan.resources.device, tools);
        environmentIsReady(ready);
        queue = loadQueue();
        // Whoever uses it is told.
        queue.catch(() => undefined);
        return withReaders(ready, files, own, tools);
      },
      model: async (plan, tools, folder) => {
        await fetchRunModel(plan, { ...own, dir: folder.path() }, tools);
        // From here on all paths are absolute: a run of days must not block the folder that it was started in.
        process.chdir(folder.dir);
      },
      captions: (plan, tools, folder, python) => captionRun(plan, { ...own, folder, environment: python }, tools),
    },
  });
} catch (error) {
  const known = error instanceof VisiontrainError;
  console.error(known ? error.message : ((error as Error).stack ?? error));
  process.exitCode = known ? error.exitCode : EXIT.bug;
}
// When the machine shuts down, or a batch job is over, no further run is started.
if (!terminated.signal.aborted && process.env.VISIONTRAIN_QUEUE !== 'off') {
  await startNext(dirname(dir));
  await judgeIfWanted();
}

async function startNext(runs: string): Promise<void> {
  try {
    const [{ advanceQueue }, { startRun }, { sweepOfRun }] = await (queue ?? loadQueue());
    process.chdir(runs);
    await advanceQueue(runs, (run) => startRun(run, process.env));
    if (sweepOfRun(dir) !== undefined) settleSweeps(runs);
  } catch (error) {
    console.error(`The queue goes on with "visiontrain queue run": ${(error as Error).message}`);
  }
}

async function judgeIfWanted(): Promise<void> {
  try {
    if (wantsJudging(dir)) await judgeAfterwards(dir, process.env);
  } catch (error) {
    console.error(`The run is not judged: ${(error as Error).message}`);
  }
}

/**
 * Called when a run of a sweep is over: the command line chooses the next run of a search, or compares the runs of a
 * finished sweep.
 */
function settleSweeps(runs: string): void {
  const command = [
    join(packageRoot(), 'bin', 'visiontrain'),
    'queue',
    'run',
    '--workspace',
    runs,
    '--plain',
    '--no-input',
  ];
  const env = { ...process.env, VISIONTRAIN_QUEUE: 'after' };
  spawn(process.execPath, command, { env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] }).unref();
}
