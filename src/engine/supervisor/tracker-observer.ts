/**
 * Passes the values of a run to a tracker: a child process that may be unreachable, hang, flood its output or die. In
 * each case the run continues, and the person is told once.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { sha256OfText } from '../../base/files/hash.ts';
import { signalGroup } from '../../base/process/group.ts';
import { neutralise } from '../../base/text.ts';
import type { TrackerSpec } from '../../spec/sections/logging.ts';
import type { RunEvent } from '../events/schema.ts';
import { textRates } from '../logging/text-rates.ts';
import { valueLog } from '../logging/values.ts';
import { leadsDown } from '../run-folder/inside.ts';
import type { Observer } from './observers.ts';

/** A Python that has the tracker's package, and the variables to run it with. */
export interface TrackerPython {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface TrackerInput {
  readonly tracker: TrackerSpec;
  readonly every: number;
  readonly images: boolean;
  readonly runDir: string;
  /** The settings of the run that the tracker shows. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Resolves when there is a Python with the package; rejects with a sentence for the person. */
  readonly python: () => Promise<TrackerPython>;
  readonly onLost: (sentence: string) => void;
  /** Milliseconds that the tracker gets at the end to send the remaining values. */
  readonly lastMs?: number;
}

/** Names of the trackers for people. */
export const TRACKER_TITLES = { wandb: 'W&B', trackio: 'trackio' } as const;

/** Most bytes that wait for a tracker that reads nothing; MOST_LINES bounds the lines before its Python is ready. */
const MOST_WAITING = 8 << 20;
const MOST_LINES = 20_000;
const LAST_MS = 60_000;

type Child = ChildProcessByStdio<Writable, null, Readable>;

export class TrackerObserver implements Observer {
  readonly #input: TrackerInput;
  readonly #log;
  #waiting: string[] | undefined = [];
  #child: Child | undefined;
  /** Resolves when the tracker has ended, or could not be started. */
  #gone: Promise<void> = Promise.resolve();
  #stderr = '';
  #isLost = false;
  #isEnding = false;
  #hasValues = false;
  #identity: { readonly id: string; readonly run: string } | undefined;
  #exitCode = 1;

  constructor(input: TrackerInput) {
    this.#input = input;
    this.#log = valueLog(input.every, textRates(input.runDir));
  }

  take(events: readonly RunEvent[], isNew: boolean): void {
    for (const event of events) {
      if (event.type === 'run' && event.attempt === 1)
        this.#identity = { run: event.name, id: sha256OfText(`${event.name} ${event.t}`).slice(0, 16) };
      const logged = this.#log.take(event);
      if (!isNew) continue;
      if (event.type === 'run') this.#begin();
      if (event.type === 'exit') this.#exitCode = event.code;
      if (logged !== undefined) this.#values(logged.step, logged.values);
      // The tracker runs in the run folder: the path by which this process knows the folder means nothing to others.
      if (event.type === 'sample' && event.adapter && this.#input.images && leadsDown(event.path))
        this.#send({ do: 'image', step: event.step, tag: `samples/${event.index}`, path: event.path });
    }
  }

  #values(step: number, values: readonly { readonly tag: string; readonly scalar: number }[]): void {
    this.#hasValues = true;
    const finite = values.filter(({ scalar }) => Number.isFinite(scalar));
    this.#send({ do: 'log', step, values: Object.fromEntries(finite.map(({ tag, scalar }) => [tag, scalar])) });
  }

  #begin(): void {
    const { tracker, config } = this.#input;
    const { project, mode, space } = tracker;
    this.#send({ do: 'start', ...this.#identity, project, mode, space, config });
    this.#gone = this.#input.python().then(
      (python) => this.#start(python),
      (error: Error) => this.#lose(error.message),
    );
  }

  async #start({ python, env }: TrackerPython): Promise<void> {
    if (this.#isLost) return;
    const child = spawn(python, ['-m', 'visiontrain_trainer.tracking', this.#input.tracker.to], {
      cwd: this.#input.runDir,
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    child.stdin.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#lose(error.message);
        resolve();
      });
      child.once('close', (code) => {
        if (code !== 0) this.#lose(this.#stderr.trim().split('\n').at(-1) || `it ended with code ${code}`);
        resolve();
      });
    });
    for (const line of this.#waiting ?? []) child.stdin.write(line);
    this.#waiting = undefined;
    if (this.#isEnding) child.stdin.end();
    await gone;
  }

  #send(line: Readonly<Record<string, unknown>>): void {
    if (this.#isLost) return;
    const text = `${JSON.stringify(line)}\n`;
    if (this.#child === undefined) this.#waiting?.push(text);
    else this.#child.stdin.write(text);
    const bytes = this.#child?.stdin.writableLength ?? 0;
    if (bytes > MOST_WAITING || (this.#waiting?.length ?? 0) > MOST_LINES) this.#lose('it takes nothing any more');
  }

  /** Tells the person once, and gives the tracker up. */
  #lose(why: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#waiting = undefined;
    const name = TRACKER_TITLES[this.#input.tracker.to];
    this.#input.onLost(`${name} gets nothing more: ${neutralise(why)}. The run is not touched by it.`);
    this.#kill();
  }

  #kill(): void {
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    const rest = this.#log.rest();
    if (rest !== undefined) this.#values(rest.step, rest.values);
    this.#send({ do: 'end', code: this.#exitCode });
    this.#isEnding = true;
    this.#child?.stdin.end();
    // A run that failed before its first step has no values to send; the tracker's Python may never become ready.
    if (this.#child === undefined && !this.#hasValues) return;
    const { lastMs = LAST_MS, tracker } = this.#input;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), lastMs);
    });
    if ((await Promise.race([this.#gone, late])) === 'late')
      this.#lose(
        `it did not end within ${lastMs / 1000} s; what it has not sent is lost${tracker.to === 'wandb' ? ' (wandb sync may send it)' : ''}`,
      );
    clearTimeout(timer);
    this.#kill();
  }

  abort(): void {
    this.#kill();
  }
}
