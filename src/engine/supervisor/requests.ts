/** Turns requests of people and the system, during a run, into abort signals. */
import { dropRequest, hasRequest, makeRequest } from '../run-folder/requests.ts';

const POLL_MS = 250;
const FENCE_MS = 1_000;

export interface Requests {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Aborts when another process has taken the run over; the reason says why. */
  readonly lost: AbortSignal;
  end(): void;
}

/**
 * Watches for requests. Before the trainer runs, `stop` is for the supervisor; afterwards the trainer reads that file.
 */
export function watchRequests(dir: string, terminated: AbortSignal, whyLost: () => Error | undefined): Requests {
  const [stop, kill, lost] = [new AbortController(), new AbortController(), new AbortController()];
  const onTerminated = () => {
    try {
      makeRequest(dir, 'stop');
    } catch {
      // The folder takes no request, so the trainer cannot be asked to stop and is ended instead.
      stop.abort();
      kill.abort();
    }
  };
  terminated.addEventListener('abort', onTerminated, { once: true });
  if (terminated.aborted) onTerminated();
  const timer = setInterval(() => {
    if (hasRequest(dir, 'stop')) stop.abort();
    if (hasRequest(dir, 'kill')) {
      dropRequest(dir, 'kill');
      stop.abort();
      kill.abort();
    }
  }, POLL_MS);
  const fence = setInterval(() => {
    const reason = whyLost();
    if (reason === undefined || lost.signal.aborted) return;
    lost.abort(reason);
    stop.abort();
  }, FENCE_MS);
  return {
    stop: stop.signal,
    kill: kill.signal,
    lost: lost.signal,
    end() {
      clearInterval(timer);
      clearInterval(fence);
      terminated.removeEventListener('abort', onTerminated);
    },
  };
}
