import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { formatBytes } from '../../../base/text.ts';
import { looksDir } from '../../../engine/check/looks.ts';
import { collectReport } from '../../../engine/report/collect.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { followRun } from '../../../engine/runs/follow.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import { runPage } from '../../../report/run-page.ts';
import { type Served, servePage } from '../../../report/serve.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { leaveOnInterrupt } from '../shared/steps/stop-signals.ts';
import { writePage } from '../shared/write-page.ts';

/** Least milliseconds between two updates of a live run's page. */
const RENEW_MS = 2000;

/** Makes the page of a run, live or over, or serves it while the run is live. */
export const run: CommandRun = async ([query = ''], options, context) => {
  const { out, places, flags } = context;
  const summary = findRun(query, places.runs);
  if (flags.json) {
    out.json(collectReport(summary));
    return EXIT.ok;
  }
  if (options.serve === true) return serve(summary.dir, options, context);
  if (options.port !== undefined)
    throw new UsageError('--port is for --serve.', { id: 'command/wrong', nextSteps: ['Add --serve.'] });
  const given = text(options.output);
  const path = given === undefined ? join(summary.dir, RUN_FILES.report) : absolute(given, { cwd: process.cwd() });
  if (given === undefined) refuseForeignFolder(summary.dir);
  const page = runPage(summary.dir, { live: false, dated: true, looks: looksOf(options, context) })();
  writePage(path, page, '-o FILE');
  const live = summary.state === 'live' ? ' The run goes on: --serve shows a page that follows it.' : '';
  out.talk(`The report of ${summary.name}, ${formatBytes(Buffer.byteLength(page))}, is a page for any browser.${live}`);
  out.verbatim(displayPath(path, process.cwd()));
  return EXIT.ok;
};

/** Folder of the data set's thumbnails; undefined when the person wants none in the page. */
const looksOf = (options: Options, { places }: Context): string | undefined =>
  options.thumbnails === false ? undefined : looksDir(places);

async function serve(dir: string, options: Options, context: Context): Promise<ExitCode> {
  const { out, env } = context;
  const make = runPage(dir, { live: true, dated: true, looks: looksOf(options, context) });
  // The page is made once before the server listens, so that a run that cannot be read is reported here.
  make();
  const served = await servePage({ port: portOf(options), page: make }).catch((error: unknown) => {
    throw portError(error, options);
  });
  const leave = leaveOnInterrupt();
  out.talk('The report is served to this machine alone, until Ctrl-C.');
  out.verbatim(served.url);
  const { port } = served;
  out.talk('From another machine, type there, and open the same address in its browser:');
  out.talk(`  ssh -N -L ${port}:127.0.0.1:${port} ${sshTarget(env)}`);
  try {
    await tellChanges(dir, served, leave.signal);
    if (!leave.signal.aborted) await new Promise((end) => leave.signal.addEventListener('abort', end, { once: true }));
  } finally {
    leave.off();
    await served.close();
  }
  return EXIT.ok;
}

/** Notifies the open pages about changes, at most every two seconds, until the run is over or the person leaves. */
async function tellChanges(dir: string, served: Served, signal: AbortSignal): Promise<void> {
  for await (const _ of followRun(dir, { signal, intervalMs: RENEW_MS })) served.changed();
  served.changed();
}

function portOf({ port }: Options): number {
  if (port === undefined) return 0;
  const number = Number(port);
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  throw new UsageError(`--port is a number from 1 to 65535; this is ${String(port)}.`, { id: 'command/wrong-value' });
}

function portError(error: unknown, { port }: Options): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error;
  const why = code === 'EADDRINUSE' ? 'is taken by another program' : 'is not for this user';
  return new UsageError(`Port ${String(port)} ${why}.`, {
    id: 'report/port',
    nextSteps: ['Choose another, or leave out --port.'],
    cause: error,
  });
}

/** The name `user@host` under which the person reached this machine by SSH; without SSH the machine's own name. */
function sshTarget({ SSH_CONNECTION: connection = '' }: NodeJS.ProcessEnv): string {
  const address = connection.split(' ')[2] ?? '';
  return `${userInfo().username}@${/^[\da-f.:]+$/iu.test(address) ? address : hostname()}`;
}
