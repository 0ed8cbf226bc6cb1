/** Sends one GET or HEAD at a time. Redirects are followed by hand, so that a token never reaches another host. */

import { DownloadError } from '../../base/errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import { agentFactory, type Connections } from './agent.ts';
import { type BodyFlow, exchange, type Headers } from './exchange.ts';
import { Fault } from './fault.ts';
import type { DownloadSettings } from './settings.ts';
import { redact } from './sources.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly token: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /**
   * Whether a redirect to another host counts as the answer: a hub puts the facts about the file into its redirect.
   */
  readonly stayHere?: boolean;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Address that answered, after all redirects. */
  readonly url: string;
  /** Whether the answer came from another host than the one that was asked. */
  readonly elsewhere: boolean;
  /** Headers of the first answer. A hub sends size and content id there, before it redirects. */
  readonly first: Headers;
}

export interface Receiver {
  /** Called with the head of the answer. It throws to refuse the body. */
  onHead(head: ResponseHead, flow: BodyFlow): void;
  /**
   * Called with each chunk, whose memory is reused afterwards. It returns false when it has enough: the rest is left
   * unread.
   */
  onData(chunk: Buffer): boolean;
}

export interface Client {
  /**
   * Resolves when the body ended or the receiver has enough.
   * @throws Fault; AbortError when the signal fires; DownloadError in offline mode, before anything is sent
   */
  send(request: HttpRequest, receiver: Receiver): Promise<void>;
  close(): Promise<void>;
}

/**
 * Gives each running request an agent of its own; an agent is used again when its answer ended normally. A pool of
 * undici may queue a request behind a busy connection; if that connection trickles, the queued request waits for ever.
 */
class Agents {
  readonly #make: () => Connections;
  readonly #all = new Set<Connections>();
  readonly #idle: Connections[] = [];

  constructor(make: () => Connections) {
    this.#make = make;
  }

  /** Runs `job` with an agent. The result of `job` says whether the connection can be used again. */
  async lend(job: (agent: Connections) => Promise<{ reusable: boolean }>): Promise<void> {
    const agent = this.#idle.pop() ?? this.#make();
    this.#all.add(agent);
    let reusable = false;
    try {
      ({ reusable } = await job(agent));
    } finally {
      if (reusable) this.#idle.push(agent);
      else {
        this.#all.delete(agent);
        void agent.destroy();
      }
    }
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#all].map((agent) => agent.destroy()));
  }
}

const MOST_REDIRECTS = 10;
/**
 * Most bytes of a redirect's body that are read so that the connection can be used again. A connection with a longer
 * body is closed.
 */
const MOST_OF_REDIRECT = 64 << 10;

export function createClient(settings: DownloadSettings, env: NodeJS.ProcessEnv): Client {
  const agents = new Agents(agentFactory(settings, env));
  const userAgent = `visiontrain/${packageVersion()} (node ${process.versions.node})`;
  return {
    close: () => agents.destroy(),
    async send(request, receiver) {
      if (settings.offline)
        throw new DownloadError(`Offline mode is on, so ${new URL(request.url).host} is not asked.`, {
          id: 'download/offline',
          nextSteps: ['Unset VISIONTRAIN_OFFLINE (or HF_HUB_OFFLINE).'],
        });
      let { url, token } = request;
      let first: ResponseHead['first'] | undefined;
      for (let hops = 0; ; hops += 1) {
        const headers = {
          'user-agent': userAgent,
          accept: '*/*',
          'accept-encoding': 'identity',
          ...request.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        };
        const here = url;
        const seenFirst = first;
        let location: string | undefined;
        let passed = 0;
        await agents.lend((agent) =>
          exchange(
            agent,
            settings,
            { ...request, url, headers },
            {
              onHead(head, flow) {
                first = seenFirst ?? head.headers;
                location = redirectTarget(head, here);
                const leaves = location !== undefined && new URL(location).host !== new URL(here).host;
                if (leaves && request.stayHere === true) location = undefined;
                if (location === undefined)
                  receiver.onHead(
                    { ...head, url: here, first, elsewhere: new URL(here).host !== new URL(request.url).host },
                    flow,
                  );
              },
              onData(chunk) {
                if (location === undefined) return receiver.onData(chunk);
                passed += chunk.length;
                return passed < MOST_OF_REDIRECT;
              },
            },
          ),
        );
        if (location === undefined) return;
        if (hops === MOST_REDIRECTS) throw new Fault('redirect', `${redact(request.url)} redirects in a circle`);
        if (new URL(location).host !== new URL(here).host) token = undefined;
        url = location;
      }
    },
  };
}

function redirectTarget(head: { status: number; headers: ResponseHead['headers'] }, from: string): string | undefined {
  if (![301, 302, 303, 307, 308].includes(head.status)) return undefined;
  const { location } = head.headers;
  if (location === undefined || !URL.canParse(location, from))
    throw new Fault('redirect', `${redact(from)} redirects to nowhere`);
  const target = new URL(location, from);
  if (!/^https?:$/.test(target.protocol) || (target.protocol === 'http:' && from.startsWith('https:')))
    throw new Fault('redirect', `${redact(from)} redirects to an unprotected address`);
  return target.href;
}
