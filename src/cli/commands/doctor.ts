import { resolve } from 'node:path';
import { EXIT } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { intoGivenPlace } from '../../base/files/given-place.ts';
import { packageVersion } from '../../base/package-root.ts';
import { bundleText } from '../../engine/doctor/bundle.ts';
import { good, type HealthFinding, type Verdict, warn, worst } from '../../engine/doctor/finding.ts';
import { examineFolders } from '../../engine/doctor/folders.ts';
import { examineMachine, healthSummary } from '../../engine/doctor/machine.ts';
import { examineNetwork } from '../../engine/doctor/network.ts';
import { examineNotices } from '../../engine/doctor/notices.ts';
import { thisSystem } from '../../engine/hardware/system.ts';
import { progressBars } from '../../terminal/bars.ts';
import { padEnd, wrap } from '../../terminal/columns.ts';
import { type Style, styleFor } from '../../terminal/style.ts';
import { styled } from '../../terminal/styled.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { text } from './shared/options.ts';
import { stopSignals } from './shared/steps/stop-signals.ts';

/** Checks everything that a run needs. The exit code is 3 when something prevents training. */
export const run: CommandRun = async (_args, options, context) => {
  const { out, env, places, flags } = context;
  const stop = stopSignals();
  const bars = flags.json ? undefined : progressBars(context);
  let step = 0;
  const onWork = (what: string) => bars?.set('doctor', ++step, 5, what);
  try {
    const system = thisSystem(env);
    const { signal } = stop;
    onWork('asking servers');
    const [machine, network] = await Promise.all([
      examineMachine({ places, env, system, signal, onWork }),
      examineNetwork(env, signal),
    ]);
    onWork('trying the disk');
    const folders = await examineFolders(places);
    const notices = await examineNotices(places, env);
    const findings = [...machine.findings, ...folders, ...network, terminalFinding(context), ...notices];
    const report = { version: packageVersion(), state: worst(findings), summary: healthSummary(findings), findings };
    bars?.close();
    if (options.bundle !== undefined) {
      const { platform, arch, distribution, container, cards, nvidia, amd } = machine.signs;
      const signs = { platform, arch, distribution, container, cards, nvidia, amd };
      await writeBundle(options.bundle, { ...report, signs, environment: machine.environment ?? null }, context);
    }
    if (flags.json) out.json(report);
    else page(findings, context);
    return report.state === 'bad' ? EXIT.environment : EXIT.ok;
  } finally {
    bars?.close();
    stop.off();
  }
};

function terminalFinding({ terminal: can }: Context): HealthFinding {
  const colours = ['no colours', '16 colours', '256 colours', '24-bit colours'][can.colour] ?? '';
  const what = [
    `${can.columns}x${can.rows}`,
    colours,
    can.unicode ? 'Unicode' : 'ASCII only',
    can.ask ? 'can ask' : 'cannot ask: no person at it, or input is forbidden',
    ...(can.tmux ? ['in tmux'] : []),
  ].join(', ');
  const small = can.ask && (can.columns < 60 || can.rows < 20);
  return (small ? warn : good)(
    'terminal',
    'Terminal',
    what,
    ...(small ? ['Make the window larger: 80 columns and 24 rows show all'] : []),
  );
}

/** Cells of the column of titles, and the widest line that is easy to read. */
const TITLE = 14;
const WIDEST = 96;

/** Prints one line for each finding, with its cure below. */
function page(findings: readonly HealthFinding[], { out, terminal }: Context): void {
  const style = styleFor(terminal);
  const cells = Math.min(out.width ?? WIDEST, WIDEST) - 1;
  const marks: Readonly<Record<Verdict, () => ReturnType<Style['good']>>> = {
    good: () => style.good(style.glyph.tick),
    warn: () => style.warn('!'),
    bad: () => style.bad(style.glyph.cross),
  };
  let last = '';
  for (const { title, verdict, text: sentence, cure } of findings) {
    const name = padEnd(title === last ? '' : title, TITLE);
    last = title;
    const [first = '', ...rest] = wrap(sentence, cells - TITLE - 3, { whole: true });
    out.data(styled`${marks[verdict]()} ${verdict === 'good' ? name : style.bold(name)} ${first}`);
    const indent = ' '.repeat(TITLE + 3);
    for (const line of rest) out.data(`${indent}${line}`);
    for (const step of cure)
      for (const [n, line] of wrap(step, cells - TITLE - 5, { whole: true }).entries())
        out.data(styled`${indent}${style.accent(`${n === 0 ? style.glyph.arrow : ' '} ${line}`)}`);
  }
  const state = worst(findings);
  out.data('');
  out.data(
    state === 'good'
      ? style.good(healthSummary(findings))
      : state === 'warn'
        ? style.warn(healthSummary(findings))
        : style.bad(healthSummary(findings)),
  );
}

async function writeBundle(option: unknown, report: object, { out, env, places }: Context): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const file = resolve(text(option) ?? `visiontrain-doctor-${day}.json`);
  const content = await bundleText(report, places, env);
  intoGivenPlace(file, '--bundle FILE', () => writeFileAtomic(file, content));
  out.talk(`Written for a bug report: ${file}`);
  out.talk('Secrets, names of users and hosts, captions and prompts are left out. Look it over before you send it.');
}
