import { hostname } from 'node:os';
import { EnvironmentError, EXIT } from '../../base/errors.ts';
import type { Notice } from '../../engine/notices/compose.ts';
import { noticeTitle } from '../../engine/notices/formats.ts';
import { type NoticeTarget, noticeTargets } from '../../engine/notices/targets.ts';
import { readNotify } from '../../engine/settings/read-notify.ts';
import { announcerHere, announcing } from '../../terminal/announce.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { stopSignals } from './shared/steps/stop-signals.ts';

/**
 * Shows how the person is notified about runs; with `--test` it sends a notice to every target and says which worked.
 */
export const run: CommandRun = async (_args, options, context) => {
  const { out, env, places, flags } = context;
  const { settings, path } = await readNotify(places.config, env);
  const can = announcing(env);
  const targets = noticeTargets(settings, { env });
  const isTest = options.test === true;
  const results = isTest ? await tellAll(targets) : new Map<NoticeTarget, string | undefined>();
  if (isTest && !flags.json)
    announcerHere({ onScreen: false }, settings, env)?.notice(noticeTitle(trial()), trial().text);
  const terminal = settings.terminal === 'auto' ? (can.notice ?? 'none known for this terminal') : settings.terminal;
  const rows = targets.map((target) => {
    const problem = target.problem ?? results.get(target) ?? null;
    return { name: target.name, events: [...target.events], problem, told: isTest ? problem === null : null };
  });
  if (flags.json)
    out.json({ file: path ?? null, bell: settings.bell, terminal, events: [...settings.events], targets: rows });
  else page({ context, path, bell: settings.bell, terminal, events: settings.events, rows });
  const lost = rows.filter(({ problem }) => problem !== null);
  if (isTest && lost.length > 0)
    throw new EnvironmentError(`${lost.map(({ name }) => name).join(' and ')} could not be told.`, {
      id: 'notify/lost',
      details: lost.map(({ name, problem }) => `${name}: ${problem}`),
      nextSteps: [
        'visiontrain notify   shows what is set, and in which file',
        'Then try again:  visiontrain notify --test',
      ],
    });
  return EXIT.ok;
};

const trial = (): Notice => ({
  kind: 'finished',
  run: 'trial',
  text: `on ${hostname()}: this is how you are told of your runs`,
  step: 1,
  steps: 1,
  loss: null,
  t: Date.now() / 1000,
});

async function tellAll(targets: readonly NoticeTarget[]): Promise<Map<NoticeTarget, string | undefined>> {
  const stop = stopSignals();
  try {
    const sent = targets
      .filter(({ problem }) => problem === undefined)
      .map(async (target) => [target, await target.send(trial(), stop.signal)] as const);
    return new Map(await Promise.all(sent));
  } finally {
    stop.off();
  }
}

interface Page {
  readonly context: Context;
  readonly path: string | undefined;
  readonly bell: boolean;
  readonly terminal: string;
  readonly events: readonly string[];
  readonly rows: readonly { name: string; events: readonly string[]; problem: string | null; told: boolean | null }[];
}

function page({ context: { out, places }, path, bell, terminal, events, rows }: Page): void {
  const line = (name: string, text: string) => out.data(`${name.padEnd(14)} ${text}`);
  line('terminal', `${bell ? 'bell, ' : ''}notice: ${terminal}   (${events.join(', ') || 'nothing'})`);
  for (const { name, events: wanted, problem, told } of rows) {
    const state = problem === null ? (told === true ? 'told' : 'ready') : `not told: ${problem}`;
    line(name, `${state}   (${wanted.join(', ') || 'nothing'})`);
  }
  line('settings', path ?? `built-in; yours would be in ${places.config}/.visiontrainrc.yaml`);
}
