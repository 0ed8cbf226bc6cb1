/** Shows notices on the desktop of this machine, by the program that the desktop has for it. */
import { spawn } from 'node:child_process';
import type { Notice } from './compose.ts';
import { noticeTitle } from './formats.ts';
import type { DeliveryFailure } from './post.ts';

const LIMIT_MS = 5_000;

/**
 * The program and its arguments. No shell reads them; the text is put after `--`, or is an argument of a script. Pure.
 */
export function desktopCommand(platform: NodeJS.Platform, notice: Notice): readonly [string, ...string[]] {
  const title = noticeTitle(notice);
  if (platform === 'darwin') {
    const script = ['on run argv', 'display notification (item 2 of argv) with title (item 1 of argv)', 'end run'];
    return ['osascript', ...script.flatMap((line) => ['-e', line]), title, notice.text];
  }
  const urgency = notice.kind === 'failed' ? 'critical' : 'normal';
  return ['notify-send', `--urgency=${urgency}`, '--app-name=visiontrain', '--', title, notice.text];
}

/** Shows a notice. It waits at most five seconds and resolves to the reason when that failed. */
export function showOnDesktop(notice: Notice, env: NodeJS.ProcessEnv): Promise<DeliveryFailure> {
  const [program, ...args] = desktopCommand(process.platform, notice);
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: 'ignore', timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' ? `${program} is not installed` : `${program} cannot be run (${error.code})`),
    );
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `${program} ${signal === null ? `ended with code ${code}` : 'did not end'}`),
    );
  });
}
