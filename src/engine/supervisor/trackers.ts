/** Decides which trackers a run has, which of its settings they get, and the Python in which each of them runs. */
import { basename, delimiter, join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Places } from '../../base/paths.ts';
import type { LoggingSpec, TrackerSpec } from '../../spec/sections/logging.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, ensureExtra } from '../environment/extras.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { EventRelay } from './event-relay.ts';
import type { Observer } from './observers.ts';
import { TrackerObserver, type TrackerPython } from './tracker-observer.ts';

export interface TrackersInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: { readonly dir: string };
  readonly relay: EventRelay;
  /** The Python that trains, once it is ready. */
  readonly environment: Promise<PythonEnvironment>;
}

export function trackerObservers(logging: LoggingSpec, input: TrackersInput): Observer[] {
  const { folder, relay } = input;
  const onLost = (text: string) => relay.add({ type: 'note', level: 'warn', text });
  const config = shownSettings(folder.dir);
  return logging.trackers.map(
    (tracker) =>
      new TrackerObserver({
        ...{ tracker, every: logging.every, images: logging.images, runDir: folder.dir, config, onLost },
        python: () => trackerPython(tracker, input),
      }),
  );
}

/**
 * The tracker's Python, with the person's own environment, since the package finds its key and proxy there. Other data
 * that W&B would send about this machine (code, git, console output) stays here.
 */
async function trackerPython(
  { to, mode }: TrackerSpec,
  { places, env, environment }: TrackersInput,
): Promise<TrackerPython> {
  const ready = await environment;
  const { signal } = new AbortController();
  const extra = await ensureExtra(EXTRAS[to], { places, env, environment: ready, signal, onProgress: () => undefined });
  const path = [
    join(packageRoot(), 'trainer'),
    ...(extra === null ? [] : [extra]),
    ...(env.PYTHONPATH ? [env.PYTHONPATH] : []),
  ];
  return {
    python: ready.python,
    env: {
      ...env,
      ...{ PYTHONPATH: path.join(delimiter), PYTHONUTF8: '1', PYTHONSAFEPATH: '1', PYTHONDONTWRITEBYTECODE: '1' },
      ...{ WANDB_DISABLE_GIT: 'true', WANDB_DISABLE_CODE: 'true', WANDB_CONSOLE: 'off', WANDB_SILENT: 'true' },
      ...(mode === 'offline' ? { WANDB_MODE: 'offline', HF_HUB_OFFLINE: '1' } : {}),
      ...{ OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '' },
    },
  };
}

/** Sections of run.yaml about how it trains. Paths, captions and prompts stay on this machine. */
const SHOWN = ['training', 'output', 'resources', 'validation'];
const MOST_TEXT = 1 << 20;

/** Settings for a tracker: dotted keys with numbers, texts and switches. */
function shownSettings(dir: string): Readonly<Record<string, unknown>> {
  const { value } = parseYaml(readOurs(join(dir, RUN_FILES.spec), MOST_TEXT)?.toString('utf8') ?? '');
  const sections = (value ?? {}) as Record<string, unknown>;
  const model = (sections.model as { base?: unknown } | undefined)?.base;
  const shown = SHOWN.flatMap((name) =>
    Object.entries((sections[name] ?? {}) as object)
      .filter(([, held]) => held === null || ['number', 'string', 'boolean'].includes(typeof held))
      .filter(([, held]) => typeof held !== 'string' || !/[/\\]/.test(held))
      .map(([key, held]) => [`${name}.${key}`, held] as const),
  );
  return { ...Object.fromEntries(shown), ...(typeof model === 'string' ? { 'model.base': basename(model) } : {}) };
}
