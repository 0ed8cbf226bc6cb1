import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's and Ubuntu's Chromium, or the one that a person names. */
const executablePath = [process.env.VISIONTRAIN_TEST_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Why the tests in a browser are skipped on this machine; undefined where there is one. */
export const noBrowser: string | undefined =
  executablePath === undefined ? 'no Chromium here: apt-get install chromium' : undefined;

/** A real browser without a window. As root, as in containers, Chromium has no sandbox of its own. */
export function openBrowser(): Promise<Browser> {
  const args = ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
  return chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args });
}
