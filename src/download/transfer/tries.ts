/** Counts the faults of one source, and says how long to wait before the next try. */
import { type Fault, nextTry } from '../http/fault.ts';
import type { DownloadSettings } from '../http/settings.ts';

/** Bytes gained since the last failure that restore all tries. A slower trickle does not keep a download alive. */
const PROGRESS = 64 << 10;

export class Tries {
  readonly #settings: DownloadSettings;
  #faults: Fault[] = [];
  #gained = Number.NEGATIVE_INFINITY;

  constructor(settings: DownloadSettings) {
    this.#settings = settings;
  }

  /**
   * One more fault, after `gained` bytes of the file. The result is the seconds to wait and the number of the try;
   * undefined when the source is used up.
   */
  next(fault: Fault, gained: number): { readonly wait: number; readonly number: number } | undefined {
    if (gained >= this.#gained + PROGRESS) this.#faults = [];
    this.#gained = gained;
    this.#faults.push(fault);
    const inAll = this.#faults.length;
    const ofKind = this.#faults.filter(({ kind }) => kind === fault.kind).length;
    const wait = nextTry(fault, { ofKind, inAll, proven: gained > 0 }, this.#settings);
    return wait === undefined ? undefined : { wait, number: inAll };
  }
}
