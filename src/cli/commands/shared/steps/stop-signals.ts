/** Handles Ctrl-C and SIGTERM, for commands that can stop in the middle. */
import { CancelledError, TerminatedError } from '../../../../base/errors.ts';

/**
 * Aborts `signal` at the first SIGINT, SIGTERM or SIGHUP, with an error that has the exit code of that signal. A
 * second one ends the process at once. `off` must be called when the command is done.
 */
export function stopSignals(message = ''): { readonly signal: AbortSignal; off(): void } {
  const stop = new AbortController();
  const handlers = {
    SIGINT: () => stop.abort(new CancelledError(message)),
    SIGTERM: () => stop.abort(new TerminatedError(message)),
    SIGHUP: () => stop.abort(new TerminatedError(message)),
  };
  const off = () => {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
  };
  for (const [name, handler] of Object.entries(handlers)) process.once(name, handler);
  stop.signal.addEventListener('abort', off, { once: true });
  return { signal: stop.signal, off };
}

/**
 * Aborts `signal` at the first Ctrl-C, for commands that only show something, so that leaving is no error. `off` must
 * be called when the command is done.
 */
export function leaveOnInterrupt(): { readonly signal: AbortSignal; off(): void } {
  const leave = new AbortController();
  const onInterrupt = () => leave.abort();
  process.once('SIGINT', onInterrupt);
  return { signal: leave.signal, off: () => void process.off('SIGINT', onInterrupt) };
}

/**
 * Does a job that shows nothing. At Ctrl-C `say` tells the person how things are; then the process ends, as without it.
 * Where a caller takes Ctrl-C itself, it alone decides what happens.
 */
export async function toldAtInterrupt<T>(say: () => void, job: () => Promise<T>): Promise<T> {
  if (process.listenerCount('SIGINT') > 0) return job();
  const onInterrupt = () => {
    say();
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', onInterrupt);
  try {
    return await job();
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
