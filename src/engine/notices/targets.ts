/** The targets of a person's notices, apart from the terminal: web hooks and the desktop. */
import { basename, join, relative } from 'node:path';
import { isOn } from '../../base/env-flag.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import type { NotifySettings, WebHook } from '../settings/notify.ts';
import type { NoticeKind } from '../settings/notify-defaults.ts';
import type { Notice } from './compose.ts';
import { showOnDesktop } from './desktop.ts';
import { type NoticeAttachment, webMessage } from './formats.ts';
import { addressProblem, type DeliveryFailure, openConnections, type PostLimits, post } from './post.ts';

export interface NoticeTarget {
  /** Name for people: the kind of service and the variable, never the address. */
  readonly name: string;
  readonly events: readonly NoticeKind[];
  /** Why nothing can be sent to the target, known before any try; undefined where nothing is wrong. */
  readonly problem: string | undefined;
  /** Resolves to the reason when the notice was not delivered. */
  send(notice: Notice, signal: AbortSignal): Promise<DeliveryFailure>;
}

export interface TargetOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Run folder from which images are read; without it none is sent. */
  readonly runDir?: string;
  readonly limits?: PostLimits;
}

export function noticeTargets(settings: NotifySettings, options: TargetOptions): NoticeTarget[] {
  const { env } = options;
  const desktop: NoticeTarget = {
    name: 'desktop',
    events: settings.events,
    problem: undefined,
    send: (notice) => showOnDesktop(notice, env),
  };
  return [...(settings.desktop ? [desktop] : []), ...settings.web.map((hook) => webTarget(hook, options))];
}

function webTarget(hook: WebHook, options: TargetOptions): NoticeTarget {
  const { env } = options;
  const url = env[hook.url_env]?.trim() ?? '';
  const token = hook.token_env === undefined ? undefined : env[hook.token_env]?.trim() || undefined;
  return {
    name: `${hook.format} (${hook.url_env})`,
    events: hook.events,
    problem: webProblem(hook, env),
    async send(notice, signal) {
      const image = hook.pictures ? await sample(notice, options.runDir) : undefined;
      const connections = openConnections(env);
      try {
        const limits = options.limits === undefined ? {} : { limits: options.limits };
        return await post(connections, url, webMessage(notice, hook, { token, image }), { signal, ...limits });
      } finally {
        await connections.destroy();
      }
    },
  };
}

function webProblem({ url_env: name, token_env: tokenName }: WebHook, env: NodeJS.ProcessEnv): string | undefined {
  if (isOn(env.VISIONTRAIN_OFFLINE)) return 'VISIONTRAIN_OFFLINE is on';
  const url = env[name]?.trim() ?? '';
  if (url === '') return `the variable ${name} is empty`;
  const problem = addressProblem(url);
  if (problem !== undefined) return `what ${name} holds ${problem}`;
  return tokenName !== undefined && !env[tokenName]?.trim() ? `the variable ${tokenName} is empty` : undefined;
}

/** Most bytes of a sample that is sent: Discord accepts ten million. */
const MOST_IMAGE = 8_000_000;

async function sample(notice: Notice, runDir: string | undefined): Promise<NoticeAttachment | undefined> {
  if (runDir === undefined || notice.image === undefined) return undefined;
  const path = join(runDir, notice.image);
  if (relative(runDir, path).startsWith('..')) return undefined;
  try {
    const bytes = readOurs(path, MOST_IMAGE);
    return bytes === undefined ? undefined : { name: basename(path), bytes };
  } catch {
    // The text is sent without the image.
    return undefined;
  }
}
