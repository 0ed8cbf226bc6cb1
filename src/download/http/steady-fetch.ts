/**
 * A `fetch` for client libraries of others: it follows the environment's proxies and certificates, tries again where
 * that can help, and sends the token to one server only.
 */
import { type Dispatcher, fetch as plainFetch } from 'undici';
import { pause } from '../../base/sleep.ts';
import type { Connections } from './agent.ts';
import { askedWait } from './fault.ts';
import type { DownloadSettings } from './settings.ts';

export interface SteadyFetch {
  readonly connections: Connections;
  readonly settings: Pick<DownloadSettings, 'tries' | 'backOffUnit' | 'longestWait'>;
  /** Address of the server that gets the token. */
  readonly server: string;
  readonly token: string;
  readonly signal: AbortSignal;
  /** Called before each wait, with the reason and the number of seconds. */
  readonly onWait: (why: string, seconds: number) => void;
}

type Answer = Awaited<ReturnType<typeof plainFetch>>;

/** Statuses that may be different at another try. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Makes such a `fetch`.
 * @returns a function that takes the arguments of `fetch`; bodies must be texts, bytes or blobs, which can be sent
 *   again
 */
export function steadyFetch(how: SteadyFetch): typeof fetch {
  const { origin } = new URL(how.server);
  const send = async (input: unknown, init: RequestInit = {}): Promise<Answer> => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    // Files go to another server, at an address that is itself a secret; that server gets no token.
    if (url.origin === origin) headers.set('authorization', `Bearer ${how.token}`);
    else headers.delete('authorization');
    for (let tries = 1; ; tries += 1) {
      how.signal.throwIfAborted();
      const { answer, why } = await once(url, { ...init, headers }, how);
      if (answer !== undefined && !LATER.has(answer.status)) return answer;
      if (tries >= how.settings.tries) {
        if (answer !== undefined) return answer;
        throw new Error(why);
      }
      const seconds = Math.min(
        how.settings.longestWait,
        (answer && askedWait(answer.status, (name) => answer.headers.get(name))) ??
          how.settings.backOffUnit * 2 ** (tries - 1),
      );
      await answer?.body?.cancel();
      how.onWait(why, seconds);
      await pause(seconds * 1000, how.signal);
    }
  };
  return send as unknown as typeof fetch;
}

async function once(url: URL, init: RequestInit, { connections, signal }: SteadyFetch) {
  try {
    const answer = await plainFetch(url, {
      ...(init as object),
      dispatcher: connections as unknown as Dispatcher,
      signal,
    });
    return { answer, why: `${url.host} answered ${answer.status}` };
  } catch (error) {
    signal.throwIfAborted();
    const inner = (error as { cause?: NodeJS.ErrnoException }).cause;
    return { answer: undefined, why: `${url.host} cannot be reached${inner?.code ? ` (${inner.code})` : ''}` };
  }
}
