/** Runs the person's hooks beside the run: one at a time of each kind, in the order of events. */
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { TrainingError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import type { HookName, HookSpecs } from '../../spec/sections/hooks.ts';
import type { RunEvent } from '../events/schema.ts';
import { hookAnswer } from '../hooks/answer.ts';
import { hookEvents, waitable } from '../hooks/hooks-of.ts';
import { type Hook, runHook } from '../hooks/run-hook.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { makeRequest } from '../run-folder/requests.ts';
import { readExit } from '../run-folder/run-files.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import type { EventRelay } from './event-relay.ts';
import type { Observer } from './observers.ts';

/** Most events that wait when hooks are slower than events; the oldest are dropped first. */
const MOST_WAITING = 100;
/**
 * Seconds that the trainer waits in addition to a hook's time limit: for the hook to be ended, and for this process to
 * notice.
 */
const SLACK = 30;

export interface HooksInput {
  readonly hooks: HookSpecs;
  readonly folder: LiveFolder;
  readonly env: NodeJS.ProcessEnv;
  readonly relay: EventRelay;
}

const must = (hook: Hook): boolean => 'must' in hook && hook.must;

/** The trainer's variables that say after which events it waits for hooks, and for how many seconds. */
export function waitingEnvironment(hooks: HookSpecs): Record<string, string> {
  const types = Object.entries(waitable).filter(([, name]) => hooks[name].some(must));
  if (types.length === 0) return {};
  const seconds = Object.values(hooks)
    .flat()
    .reduce((sum, { timeout }) => sum + timeout + 2 * SLACK, SLACK);
  return { VISIONTRAIN_WAIT_AFTER: types.map(([type]) => type).join(','), VISIONTRAIN_WAIT_SECONDS: String(seconds) };
}

/** The error for a run that did not begin because a hook of `on_start` that must succeed has failed. */
export const hookFailed = (why: string, dir: string): TrainingError =>
  new TrainingError(`The run was not begun: ${why}.`, {
    id: 'hooks/failed',
    details: [`What it printed is in ${join(dir, RUN_FILES.hooksLog)}`],
    nextSteps: [`visiontrain resume ${basename(dir)}   once the hook works`],
  });

export class HooksObserver implements Observer {
  readonly lookMs: number;
  readonly #input: HooksInput;
  readonly #kinds = hookEvents();
  readonly #queues = new Map<HookName, RunEvent[]>();
  readonly #work = new Map<HookName, Promise<void>>();
  readonly #end = new AbortController();
  #onStarted = (): void => {};
  readonly #started = new Promise<void>((resolve) => {
    this.#onStarted = resolve;
  });
  readonly #last: [HookName, RunEvent][] = [];
  #failure: string | undefined;

  constructor(input: HooksInput) {
    this.#input = input;
    this.lookMs = Object.values(input.hooks).flat().some(must) ? 50 : 500;
  }

  take(events: readonly RunEvent[], isNew: boolean): void {
    for (const event of events) {
      const name = this.#kinds.of(event);
      if (!isNew) continue;
      // The hook for the end may switch the machine off, so it runs after all other observers.
      if (name !== undefined && event.type === 'exit') this.#last.push([name, event]);
      else if (name !== undefined && this.#input.hooks[name].length > 0) this.#add(name, event);
      else if (event.type in waitable) this.#handled(event);
      if (event.type === 'run') void (this.#work.get('on_start') ?? Promise.resolve()).then(this.#onStarted);
    }
    this.#input.relay.flush();
  }

  /**
   * Resolves when the hooks that must succeed before the run have done so.
   * @throws TrainingError when one has failed
   */
  async ready(): Promise<void> {
    if (!this.#input.hooks.on_start.some(must)) return;
    await this.#started;
    if (this.#failure !== undefined) throw hookFailed(this.#failure, this.#input.folder.path());
  }

  /** Which required hook failed and stopped the run, as the end of a sentence. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async close(): Promise<void> {
    await Promise.all(this.#work.values());
    for (const [name, event] of this.#last) this.#add(name, event);
    await Promise.all(this.#work.values());
  }

  /** Ends the hooks that are still running, because another process owns the run now. */
  abort(): void {
    this.#end.abort();
  }

  #add(name: HookName, event: RunEvent): void {
    const queue = this.#queues.get(name) ?? [];
    queue.push(event);
    if (queue.length > MOST_WAITING) {
      queue.shift();
      this.#note(`${name} is slower than what it is run for: an event was left out.`);
    }
    this.#queues.set(name, queue);
    if (!this.#work.has(name)) this.#work.set(name, this.#drain(name, queue));
  }

  async #drain(name: HookName, queue: RunEvent[]): Promise<void> {
    // The work is noted before any of it is done, and forgotten in the same turn that finds the queue empty: an event
    // that comes later begins new work.
    await Promise.resolve();
    try {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
        for (const hook of this.#input.hooks[name]) {
          if (this.#end.signal.aborted) break;
          await this.#run(name, hook, event);
        }
        this.#handled(event);
      }
    } finally {
      this.#work.delete(name);
    }
  }

  async #run(name: HookName, hook: Hook, event: RunEvent): Promise<void> {
    const { folder, relay } = this.#input;
    const cwd = folder.path();
    const end = await runHook({
      hook,
      cwd,
      input: `${JSON.stringify(this.#document(name, event))}\n`,
      env: this.#environment(name, event),
      log: join(folder.dir, RUN_FILES.hooksLog),
      signal: this.#end.signal,
    });
    const { metrics, stop } = hookAnswer(end.stdout);
    const step = 'step' in event && typeof event.step === 'number' ? event.step : 0;
    if (Object.keys(metrics).length > 0) relay.add({ type: 'metric', step, hook: name, values: metrics });
    if (end.failure !== undefined) {
      const what = `the hook ${name} ${end.failure}`;
      if (must(hook)) this.#stop(`${what}, and it must not fail`);
      else this.#note(`${capital(what)}; the run goes on. What it printed is in ${RUN_FILES.hooksLog}.`);
    } else if (stop) this.#stop(`the hook ${name} asked for it at step ${step}`);
  }

  #stop(why: string): void {
    this.#failure ??= why;
    try {
      makeRequest(this.#input.folder.dir, 'stop');
    } catch {
      // A folder that takes no request has been lost to another process or removed.
    }
  }

  #note(text: string): void {
    this.#input.relay.add({ type: 'note', level: 'warn', text });
  }

  /** Tells a waiting trainer to continue. */
  #handled(event: RunEvent): void {
    if (!(event.type in waitable)) return;
    try {
      writeFileAtomic(join(this.#input.folder.dir, RUN_FILES.control, 'handled'), String(event.seq));
    } catch {
      // The trainer continues by itself after its time limit.
    }
  }

  #document(name: HookName, event: RunEvent): Record<string, unknown> {
    const dir = this.#input.folder.path();
    const exit = event.type === 'exit' ? readExit(this.#input.folder.dir) : null;
    const more = exit === null ? {} : { exit };
    return { version: 1, hook: name, run: basename(dir), dir, host: hostname(), event, ...more };
  }

  #environment(name: HookName, event: RunEvent): NodeJS.ProcessEnv {
    const { env, folder } = this.#input;
    const dir = folder.path();
    const step = 'step' in event && typeof event.step === 'number' ? { VISIONTRAIN_STEP: String(event.step) } : {};
    const exit = event.type === 'exit' ? readExit(folder.dir)?.outputs[0]?.path : undefined;
    const path = 'path' in event ? event.path : exit;
    return {
      ...env,
      VISIONTRAIN_RUN: basename(dir),
      VISIONTRAIN_RUN_DIR: dir,
      VISIONTRAIN_EVENT: name,
      ...step,
      ...(path === undefined ? {} : { VISIONTRAIN_PATH: join(dir, path) }),
    };
  }
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
