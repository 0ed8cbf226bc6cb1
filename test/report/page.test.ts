/** The report in a real browser, where there is one, and rules for its file without one. */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim } from '../../src/base/process/claim.ts';
import type { RunEvent } from '../../src/engine/events/schema.ts';
import type { RunRef } from '../../src/engine/runs/create.ts';
import { noBrowser, openBrowser } from '../helpers/browser.ts';
import { cli, startCli } from '../helpers/cli.ts';
import { FixtureHome } from '../helpers/fixture-run.ts';
import { png } from '../helpers/png.ts';
import { tellRun } from '../helpers/told-run.ts';

const EVIL =
  '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1"> & "q" \u001b]0;t\u0007\u202e';
const home = new FixtureHome();
const file = join(home.dir, 'fox.html');
let run: RunRef;
let html = '';

beforeAll(async () => {
  run = tellRun(home, {
    side: 96,
    change: (event) => (event.type === 'sample' && event.index === 1 ? { ...event, prompt: EVIL } : event),
  });
  const plan = JSON.parse(readFileSync(join(run.dir, 'plan.json'), 'utf8'));
  const [first] = plan.data.images;
  const root = join(home.dir, 'images');
  mkdirSync(root);
  plan.data.root = root;
  writeFileSync(
    join(root, 'here.png'),
    png(300, 200, (x, y) => [x % 256, y, 90]),
  );
  const thumbnails = join(home.dir, 'cache', 'looks', 'aa');
  mkdirSync(thumbnails, { recursive: true });
  // A WebP of one pixel, as a scan of a data set would store it.
  const webp = 'UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==';
  writeFileSync(join(thumbnails, `${'aa'.repeat(32)}.webp`), Buffer.from(webp, 'base64'));
  plan.data.images = [
    { ...first, path: 'seen.png', sha256: 'aa'.repeat(32), caption: `fox, ${EVIL}` },
    ...plan.data.images.slice(1),
    { ...first, id: '1'.repeat(16), path: 'here.png', sha256: 'bb'.repeat(32), caption: 'a fox' },
    { ...first, id: '2'.repeat(16), path: 'odd/gone.heic', sha256: 'cc'.repeat(32), caption: '' },
  ];
  writeFileSync(join(run.dir, 'plan.json'), JSON.stringify(plan));
  const loss = { id: 'a', before: 0.2, after: 0.19 };
  const losses = {
    version: 1,
    step: 800,
    timesteps: [100],
    compared_with: 'others',
    images: [
      { ...loss, path: 'a.png', after: 0.05, kind: 'learned' },
      { ...loss, path: 'here.png', after: 0.04, kind: 'never' },
      { ...loss, path: `/home/ann/odd ${EVIL}.png`, kind: 'never' },
    ],
    held_out: [{ ...loss, path: 'v.png', after: 0.1 }],
  };
  writeFileSync(join(run.dir, 'image-losses.json'), JSON.stringify(losses));
  const scored = { value: 0.625, stderr: 0.05, each: [0.625] };
  const row = { strength: 1, validation: null, change: null, likeness: scored, bleeding: null, diversity: null };
  const nearest = { sample: 'judge/a.png', image: EVIL, alike: 0.9 };
  const copies = { samples: 4, copied: 3, usual: 0.8, nearest };
  const judged = {
    version: 1,
    status: 'done',
    measure: 'pixels',
    spec_sha256: plan.spec_sha256,
    process: null,
    request: { steps: [600], strengths: [1], prompts: [], seeds: [] },
    rows: [
      { ...row, step: 0, strength: 0, copies: null, samples: [] },
      { ...row, step: 600, copies, samples: [] },
    ],
    advice: { step: 600, strength: 1, text: 'Step 600 at strength 1: the only one.', doubt: EVIL },
  };
  writeFileSync(join(run.dir, 'judge.json'), JSON.stringify(judged));
  const told = await cli(['report', run.name, '-o', file], home.env);
  expect(told).toMatchObject({ code: 0, stdout: `${file}\n` });
  html = readFileSync(file, 'utf8');
});
afterAll(() => home.remove());

describe('the file', () => {
  it('holds no other address, no folder of this machine and no raw text of the run', () => {
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain(home.dir);
    expect(html).not.toContain('<script>window.hacked');
    for (const sign of ['\u0000', '\u0007', '\u001b', '\u202e']) expect(html).not.toContain(sign);
    const outside = [...html.matchAll(/(?:src|href)="(?!data:|#)([^"]*)"/g)].map(([, address]) => address);
    expect(outside).toEqual([]);
  });

  it('shows the table of judge with the checkpoint that is advised', () => {
    const text = html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
    expect(text).toContain('Step 600 at strength 1: the only one.');
    expect(text).toMatch(/base model – 0\.625 ± 0\.050 – – – step 600 × 1 ✓ – 0\.625 ± 0\.050 – – 3 of 4/);
  });

  it('shows small images of the data set with their captions, unless the person wants none in the page', async () => {
    const shown = html.slice(html.indexOf('id="contact-sheet"'));
    expect(shown).toMatch(/<img src="data:image\/webp;base64,[^"]+" alt="seen\.png: fox, &lt;\/script/u);
    expect(shown).toMatch(/<img src="data:image\/jpeg;base64,[^"]+" alt="here\.png/u);
    expect(shown).toContain('no thumbnail');
    expect(shown).toContain('never learned');
    const without = join(home.dir, 'without.html');
    expect((await cli(['report', run.name, '-o', without, '--no-thumbnails'], home.env)).code).toBe(0);
    expect(readFileSync(without, 'utf8')).not.toContain('contact-sheet');
  });

  it('is replaced by a newer report, and no other file is', async () => {
    expect((await cli(['report', run.name, '-o', file], home.env)).code).toBe(0);
    const other = join(home.dir, 'notes.html');
    writeFileSync(other, '<html>mine</html>');
    const told = await cli(['report', run.name, '-o', other, '--plain'], home.env);
    expect(told.code).toBe(2);
    expect(told.stderr).toContain('is no report');
    expect(readFileSync(other, 'utf8')).toBe('<html>mine</html>');
  });

  it('has a document with the same content', async () => {
    const { code, stdout } = await cli(['report', run.name, '--json'], home.env);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ state: 'finished', verdict: { tone: 'good' }, best_step: 600 });
    expect(report.samples.map(({ steps }: { steps: unknown[] }) => steps.length)).toEqual([5, 5]);
    expect(report.validation).toHaveLength(4);
    expect(report.image_losses.map(({ kind }: { kind: string }) => kind)).toEqual([
      'never',
      'held_out',
      'learned',
      'never',
    ]);
    expect(html).toContain('never learned: a wrong caption');
    expect(report.settings).toContainEqual({ key: 'name', value: 'fox-emblem', by: 'you' });
    expect(stdout).not.toContain(home.dir);
  });

  it('of a run without a LoRA file says so, and not how to use one', async () => {
    home.create(5, 'unborn');
    expect((await cli(['report', 'unborn', '-o', join(home.dir, 'unborn.html')], home.env)).code).toBe(0);
    const page = readFileSync(join(home.dir, 'unborn.html'), 'utf8');
    expect(page).toContain('There is no LoRA file of this run yet.');
    expect(page).not.toContain('models/loras');
  });

  it('of a hundred samples stays below 5 MB', async () => {
    const big = tellRun(home, { name: 'big', steps: 49, every: 1, side: 256, alike: true });
    const path = join(home.dir, 'big.html');
    expect((await cli(['report', big.name, '-o', path], home.env)).code).toBe(0);
    expect(readFileSync(path, 'utf8').match(/<img /g)).toHaveLength(102);
    expect(statSync(path).size).toBeLessThan(5e6);
  });
});

describe('compare', () => {
  const changed = (event: RunEvent): RunEvent =>
    event.type === 'step' ? { ...event, loss: event.loss + 0.05 } : event;

  beforeAll(() => {
    const second = tellRun(home, { name: 'fox-two', side: 96, change: changed });
    const yaml = join(second.dir, 'run.yaml');
    writeFileSync(yaml, readFileSync(yaml, 'utf8').replace(/^ {2}rank: 16 /m, '  rank: 8  '));
  });

  it('says what differs, draws both curves and finds the better validation', async () => {
    const { code, stdout } = await cli(['compare', run.name, 'fox-two', '--plain'], home.env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/DIFFERS +A +B\n/);
    expect(stdout).toMatch(/training\.rank +16 +8/);
    const drawn = stdout.split('Loss, smoothed')[1]?.split('Validation')[0] ?? '';
    expect([drawn.includes('A'), drawn.includes('B')]).toEqual([true, true]);
  });

  it('has the same content as a document and as a page', async () => {
    const page = join(home.dir, 'two.html');
    const { code, stdout } = await cli(['compare', run.name, 'fox-two', '--json', '--html', page], home.env);
    expect(code).toBe(0);
    const { runs, settings, samples } = JSON.parse(stdout);
    expect(runs.map(({ best }: { best: { step: number } }) => best.step)).toEqual([800, 800]);
    expect(runs[1].loss - runs[0].loss).toBeCloseTo(0.05, 6);
    expect(settings).toEqual([{ key: 'training.rank', values: [16, 8] }]);
    expect(samples).toHaveLength(3);
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<img /g)).toHaveLength(4);
    expect(html).not.toContain('<script>window.hacked');
  });

  it('shows the runs of a sweep as one, the best first, with the result of each value and the advice of judge', async () => {
    const made = [8, 16].flatMap((rank) => [1, 2].map((batch) => ({ rank, batch })));
    for (const { rank, batch } of made) {
      const change = (event: RunEvent): RunEvent =>
        event.type === 'validation' ? { ...event, loss: event.loss + rank / 100 - batch / 1000 } : event;
      const { dir } = tellRun(home, { name: `sw-r${rank}-b${batch}`, side: 16, alike: true, change });
      const facts = JSON.parse(readFileSync(join(dir, 'env.json'), 'utf8'));
      const values = { 'training.rank': rank, 'training.batch_size': batch };
      writeFileSync(join(dir, 'env.json'), JSON.stringify({ ...facts, sweep: { group: 'sweep-abc', values } }));
    }
    copyFileSync(join(run.dir, 'judge.json'), join(home.runs, 'sw-r8-b1', 'judge.json'));
    const page = join(home.dir, 'sweep.html');
    const { stdout } = await cli(['compare', 'sweep-abc', '--json', '--html', page], home.env);
    const { group, runs, effects } = JSON.parse(stdout);
    expect(group).toBe('sweep-abc');
    expect(runs.map(({ name }: { name: string }) => name)).toEqual(['sw-r8-b2', 'sw-r8-b1', 'sw-r16-b2', 'sw-r16-b1']);
    expect(runs[1].judged).toMatchObject({ measure: 'pixels', row: { step: 600, strength: 1 } });
    const [ofRank] = effects;
    expect(ofRank).toMatchObject({
      key: 'training.rank',
      values: [
        { value: 8, runs: 2 },
        { value: 16, runs: 2 },
      ],
    });
    expect(ofRank.values[1].mean - ofRank.values[0].mean).toBeCloseTo(0.08, 6);
    const html = readFileSync(page, 'utf8')
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ');
    expect(html).toMatch(/What was swept.*training\.rank 8 2 \d/);
    expect(html).toMatch(/What judge advises.*sw-r8-b1 step 600 × 1 – 0\.625/);
    const shown = await cli(['compare', 'sweep-a', '--plain'], home.env);
    expect(shown.stdout).toMatch(/sweep-abc: 4 runs, the best first\n\n +RUN/);
    expect(shown.stdout).toMatch(/SWEPT +VALUE +RUNS.*\ntraining\.rank +8 +2/);
    expect(shown.stdout).toMatch(/JUDGED +CHECKPOINT.*\nB +sw-r8-b1 +600 x 1/);
    const one = await cli(['compare', 'sw-r8-b1'], home.env);
    expect([one.code, one.stderr]).toEqual([2, expect.stringContaining('visiontrain compare sweep-abc')]);
  });

  it('needs at least two different runs', async () => {
    const told = await cli(['compare', run.name, run.name], home.env);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('2 to 26 different runs; these are 1')]);
  });
});

describe.skipIf(noBrowser !== undefined)(`in a browser${noBrowser === undefined ? '' : ` (${noBrowser})`}`, () => {
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(pathToFileURL(file).href);
  });
  afterAll(() => browser?.close());

  it('asks nothing of the network, runs nothing of the run and logs no error', async () => {
    await page.waitForSelector('.uplot');
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    expect(complaints).toEqual([]);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.textContent('[data-prompt="prompt-1-2"] .text')).toContain('</script><script>window.hacked=1');
    const blocked = await page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'blocked')");
    expect(blocked).toBe('blocked');
    complaints.length = 0;
  });

  it('goes through the steps by the keyboard alone', async () => {
    const slider = page.locator('#prompt-0-1');
    const seen = () => page.locator('[data-prompt="prompt-0-1"] .frame.step:visible').getAttribute('data-step');
    expect(await seen()).toBe('800');
    await slider.focus();
    await page.keyboard.press('ArrowLeft');
    expect(await seen()).toBe('600');
    expect(await slider.getAttribute('aria-valuetext')).toBe('step 600');
    await page.keyboard.press('Home');
    expect(await seen()).toBe('0');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.locator('[data-prompt="prompt-0-1"] .frame.step:visible').count()).toBe(5);
    await page.keyboard.press('Enter');
    await page.locator('[data-chart=loss]').focus();
    const shown = () => page.locator('[data-chart=loss]').getAttribute('aria-description');
    expect(await shown()).toBe('steps 1 to 800 are shown');
    await page.keyboard.press('+');
    await expect.poll(shown).toBe('steps 161 to 640 are shown');
    await page.keyboard.press('ArrowRight');
    await expect.poll(shown).toBe('steps 209 to 688 are shown');
    await page.keyboard.press('0');
    await expect.poll(shown).toBe('steps 1 to 800 are shown');
  });

  it('has an image for each sample, a name for each part, and one main heading', async () => {
    const broken = await page
      .locator('img')
      .evaluateAll(
        (all) => (all as unknown as { naturalWidth: number }[]).filter((image) => image.naturalWidth === 0).length,
      );
    expect(broken).toBe(0);
    expect(await page.locator('img:not([alt])').count()).toBe(0);
    expect(await page.locator('h1').count()).toBe(1);
    expect(
      await page
        .locator('[id]')
        .evaluateAll((all) => new Set((all as unknown as { id: string }[]).map(({ id }) => id)).size === all.length),
    ).toBe(true);
    const tree = await page.locator('main').ariaSnapshot();
    for (const part of [
      'Samples',
      'Curves',
      'Data set',
      'Use it',
      'Settings',
      'Machine and versions',
      'Files and hashes',
    ])
      expect(tree).toContain(`heading "${part}"`);
    expect(tree).toContain('slider "Step"');
  });

  it('is dark where the person prefers it, and changes by its switch', async () => {
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await paper()).toBe('rgb(251, 250, 248)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await paper()).toBe('rgb(20, 22, 26)');
    await page.locator('[data-theme-switch]').press('Enter');
    expect(await paper()).toBe('rgb(251, 250, 248)');
    await page.locator('[data-theme-switch]').press('Enter');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await paper()).toBe('rgb(20, 22, 26)');
    await page.evaluate('delete document.documentElement.dataset.theme');
  });

  it('fits the width of a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    // No number is broken over two lines.
    const lines = await page.evaluate(`[...document.querySelectorAll('#pictures .number')].map((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      return range.getClientRects().length;
    })`);
    expect(new Set(lines as number[])).toEqual(new Set([1]));
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('compares runs on a phone and in the dark too, with no request', async () => {
    const two = join(home.dir, 'two.html');
    const other = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    const requests: string[] = [];
    other.on('request', (request) => requests.push(request.url()));
    await other.goto(pathToFileURL(two).href);
    await other.waitForSelector('.uplot');
    await expect.poll(() => other.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(await other.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(20, 22, 26)');
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(two).href]);
    const chart = other.locator('[data-chart=runs]');
    await chart.focus();
    await other.keyboard.press('+');
    await expect.poll(() => chart.getAttribute('aria-description')).toMatch(/^steps 1\d\d to 6\d\d are shown$/u);
    await other.close();
  });

  it('renews itself while a run trains', async () => {
    const going = tellRun(home, { name: 'going', side: 24, alike: true, exit: null });
    const events = join(going.dir, 'events.jsonl');
    const lines = readFileSync(events, 'utf8').split(/(?<=\n)/u);
    const behind = (step: number) =>
      1 + lines.findIndex((line) => line.includes('"type":"step"') && line.includes(`"step":${step},`));
    const [half, more] = [behind(400), behind(600)];
    writeFileSync(events, lines.slice(0, half).join(''));
    // This process plays the supervisor: it is alive, and holds the run.
    rmSync(join(going.dir, 'attempts', '1.json'));
    const held = claim(join(going.dir, 'attempts'));
    expect('claim' in held).toBe(true);
    const { child, done } = startCli(['report', going.name, '--serve', '--plain'], home.env);
    const url = await new Promise<string>((resolve) => {
      child.stdout?.on('data', (text: string) => resolve(text.trim()));
    });
    const served = await browser.newPage();
    const wrong: string[] = [];
    served.on('pageerror', (error) => wrong.push(String(error)));
    await served.goto(url);
    await served.waitForSelector('.uplot');
    const verdict = () => served.locator('main').innerText();
    expect(await verdict()).toContain('step 400 of 800');
    const open = await served.locator('#settings').count();
    appendFileSync(events, lines.slice(half, more).join(''));
    await expect.poll(verdict, { timeout: 120_000 }).toContain('step 600 of 800');
    expect([open, wrong]).toEqual([1, []]);
    if ('claim' in held) held.claim.release();
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 0 });
  });

  it('follows a live run where it is served, on this machine alone', async () => {
    const events = join(run.dir, 'events.jsonl');
    const { child, done } = startCli(['report', run.name, '--serve', '--plain'], home.env);
    const url = await new Promise<string>((resolve) => {
      child.stdout?.on('data', (text: string) => resolve(text.trim()));
    });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{16}\/$/);
    const [, origin = ''] = /^(http:\/\/[^/]+)/.exec(url) ?? [];
    expect((await fetch(`${origin}/`)).status).toBe(404);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(readFileSync(events, 'utf8')).toContain('"exit"');
    const served = await browser.newPage();
    await served.goto(url);
    await served.waitForSelector('.uplot');
    expect(await served.textContent('h1')).toBe(run.name);
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 0 });
    const { stderr } = await done;
    expect(stderr).toMatch(/ssh -N -L (\d+):127\.0\.0\.1:\1 \S+@\S+/);
  });
});
