/**
 * Sends notices about a run, beside the run: each target has a queue of its own, so that a hanging server holds up
 * neither the run nor another target.
 */
import type { RunEvent } from '../events/schema.ts';
import { type Notice, noticeSource } from './compose.ts';
import type { NoticeTarget } from './targets.ts';

/** Most notices that wait for one target; a waiting notice of the same kind is replaced by a newer one. */
const MOST_WAITING = 50;

export interface Notifier {
  /** Takes events of the run from its beginning. Events of earlier attempts (`isNew` is false) cause no notices. */
  take(events: readonly RunEvent[], isNew: boolean): void;
  /** Resolves when everything is delivered or given up, after `limitMs` milliseconds at the latest. */
  close(limitMs: number): Promise<void>;
}

export interface NotifierOptions {
  readonly targets: readonly NoticeTarget[];
  /** Called once for each target that could not be reached, with a sentence. */
  readonly onLost: (sentence: string) => void;
}

export function createNotifier({ targets, onLost }: NotifierOptions): Notifier {
  const source = noticeSource();
  const end = new AbortController();
  const queues = targets.map((target) => new TargetQueue(target, end.signal, onLost));
  return {
    take(events, isNew) {
      const notices = source.take(events);
      if (isNew) for (const notice of notices) for (const queue of queues) queue.add(notice);
    },
    async close(limitMs) {
      const timer = setTimeout(() => end.abort(), limitMs);
      await Promise.all(queues.map((queue) => queue.idle()));
      clearTimeout(timer);
    },
  };
}

class TargetQueue {
  readonly #target: NoticeTarget;
  readonly #signal: AbortSignal;
  readonly #onLost: (sentence: string) => void;
  #waiting: Notice[] = [];
  #work: Promise<void> | undefined;
  #hasWarned = false;

  constructor(target: NoticeTarget, signal: AbortSignal, onLost: (sentence: string) => void) {
    this.#target = target;
    this.#signal = signal;
    this.#onLost = onLost;
  }

  add(notice: Notice): void {
    if (!this.#target.events.includes(notice.kind)) return;
    if (this.#target.problem !== undefined) {
      this.#lose(this.#target.problem);
      return;
    }
    this.#waiting = [...this.#waiting.filter(({ kind }) => kind !== notice.kind), notice].slice(-MOST_WAITING);
    this.#work ??= this.#deliver();
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  async #deliver(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        const why = await this.#target.send(next, this.#signal);
        if (why !== undefined) this.#lose(why);
      } catch (error) {
        if (!this.#signal.aborted) this.#lose((error as Error).message);
        else this.#lose('did not answer in time');
      }
    }
    this.#work = undefined;
  }

  /** Reports once a run that a target cannot be reached, since a server that is down stays down for a while. */
  #lose(why: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#onLost(`${this.#target.name} was not told: ${why}. The run is not touched by it.`);
  }
}
