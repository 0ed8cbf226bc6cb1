/** Counts the progress of one file and reports it to everyone who shows it. */
import { Rate } from './meter.ts';

export interface FileProgress {
  readonly name: string;
  readonly stage: 'waiting' | 'reusing' | 'downloading' | 'verifying' | 'done';
  /** Bytes done in this stage. They never shrink without a `note` in the same report. */
  readonly done: number;
  readonly total: number | undefined;
  /** Bytes per second, smoothed; undefined in the first moments. */
  readonly rate: number | undefined;
  /** Seconds left at that rate. */
  readonly left: number | undefined;
  readonly connections: number;
  /** Host that the bytes come from. */
  readonly source: string | undefined;
  /** A message that is reported once: a wait, a retry, a change of plan. */
  readonly note: string | undefined;
  /** Where this file stands among all files fetched together. `total` is set only when every size is known. */
  readonly all?: {
    readonly file: number;
    readonly files: number;
    readonly done: number;
    readonly total: number | undefined;
  };
}

const seconds = () => performance.now() / 1000;

/** Gathers progress and reports it a few times a second; notes and changes of stage are reported at once. */
export class FileReporter {
  readonly #name: string;
  readonly #every: number;
  readonly #report: (progress: FileProgress) => void;
  #rate = new Rate();
  #stage: FileProgress['stage'] = 'waiting';
  #done = 0;
  #total: number | undefined;
  #connections = 0;
  #source: string | undefined;
  #last = 0;

  constructor(name: string, total: number | undefined, every: number, report: (progress: FileProgress) => void) {
    this.#name = name;
    this.#total = total;
    this.#every = every;
    this.#report = report;
  }

  stage(stage: FileProgress['stage'], done = 0, total = this.#total): void {
    this.#stage = stage;
    this.#done = done;
    this.#total = total;
    this.#rate = new Rate();
    if (stage !== 'downloading') this.#connections = 0;
    this.#send();
  }

  source(label: string): void {
    this.#source = label;
  }

  connections(count: number): void {
    this.#connections = count;
  }

  /** Counts bytes: `passed` went over the network, `gained` of them count towards the file. */
  bytes(passed: number, gained: number): void {
    const now = seconds();
    this.#rate.add(passed, now);
    this.#done = Math.max(0, this.#done + gained);
    if (now - this.#last >= this.#every) this.#send();
  }

  note(text: string): void {
    this.#send(text);
  }

  #send(note?: string): void {
    this.#last = seconds();
    const rate = this.#rate.get(this.#last);
    const missing = this.#total === undefined ? undefined : Math.max(0, this.#total - this.#done);
    this.#report({
      name: this.#name,
      stage: this.#stage,
      done: this.#total === undefined ? this.#done : Math.min(this.#done, this.#total),
      total: this.#total,
      rate,
      left: rate === undefined || rate === 0 || missing === undefined ? undefined : missing / rate,
      connections: this.#connections,
      source: this.#source,
      note,
    });
  }
}
