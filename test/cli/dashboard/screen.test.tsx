import width from 'fast-string-width';
import { renderToString } from 'ink';
import { describe, expect, it } from 'vitest';
import { nothingKnown } from '../../../src/cli/dashboard/about.ts';
import { DashboardFrame } from '../../../src/cli/dashboard/dashboard.tsx';
import { dashboardKeys, keysFor } from '../../../src/cli/dashboard/keys.ts';
import { layoutOf, RunScreen, type RunScreenProps, screenImages } from '../../../src/cli/dashboard/screen.tsx';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import { payloads, type RunEvent } from '../../../src/engine/events/schema.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import { story, trainingStory } from '../../helpers/run-story.ts';

const now = 1_790_000_000;
const training = trainingStory({ name: 'fox-emblem', steps: 1600, upTo: 992, every: 200, end: now });
const about = { ...nothingKnown, model: 'SDXL 1.0', rank: 16, schedule: 'cosine', epochs: 10 };
const plain = styleFor({ colour: 0, unicode: true });
const ascii = styleFor({ colour: 0, unicode: false });
const bright = styleFor({ colour: 3, unicode: true });

const fetching = story(now - 60, [
  [0, { type: 'run', name: 'fox-emblem', attempt: 1, steps: 1600, host: 'box', version: '0.1.0' }],
  [0, { type: 'phase', phase: 'environment' }],
  [0.4, { type: 'phase', phase: 'download', detail: 'SDXL 1.0' }],
  [1, { type: 'progress', phase: 'download', item: 'vae.safetensors', unit: 'bytes', done: 335e6, total: 335e6 }],
  [
    50,
    {
      type: 'progress',
      phase: 'download',
      item: 'sd_xl_base_1.0.safetensors',
      unit: 'bytes',
      done: 4.6e9,
      total: 6.9e9,
      rate: 48e6,
    },
  ],
]);
const hostile = story(now, [
  [0, { type: 'run', name: '\u001b[2Jevil\u0007', attempt: 1, steps: 10, host: 'x', version: '1' }],
  [0, { type: 'phase', phase: 'train' }],
  [0, { type: 'note', level: 'warn', text: '\u001b]0;title\u0007 狐'.repeat(40) }],
]);

const frame = (
  events: readonly RunEvent[],
  columns: number,
  rows: number,
  style = plain,
  more: Partial<RunScreenProps> = {},
) => {
  const size = { columns, rows };
  const state = more.state ?? reduceAll(initialState, events);
  const shown = {
    state,
    curve: state,
    about,
    now,
    keys: keysFor(false),
    notice: undefined,
    sample: () => [],
    size,
    style,
  };
  const screen = (
    <DashboardFrame size={size}>
      <RunScreen {...shown} {...more} />
    </DashboardFrame>
  );
  return renderToString(screen, { columns }).split('\n');
};

const encoding = story(now - 60, [
  [0, { type: 'run', name: 'fox-emblem', attempt: 1, steps: 1600, host: 'box', version: '0.1.0' }],
  [0, { type: 'phase', phase: 'cache' }],
  [60, { type: 'progress', phase: 'cache', unit: 'images', done: 1200, total: 1500, rate: 0.095 }],
]);

const captioning = story(now - 10, [
  [0, { type: 'run', name: 'fox-emblem', attempt: 1, steps: 1600, host: 'box', version: '0.1.0' }],
  [0, { type: 'phase', phase: 'captions', detail: 'fetching Florence-2 base' }],
  [4, { type: 'phase', phase: 'captions', detail: 'florence-2-base' }],
  [
    5,
    {
      ...{ type: 'progress', phase: 'captions', item: 'florence-2-base', unit: 'captions' },
      ...{ done: 0, total: 12, detail: 'loading the model' },
    },
  ],
]);

const none = { done: 0, total: 53 };
const most = { done: 52, total: 53 };
const settingUp = story(now - 60, [
  [0, { type: 'run', name: 'fox-emblem', attempt: 1, steps: 1600, host: 'box', version: '0.1.0' }],
  [0, { type: 'phase', phase: 'environment', detail: 'setting up Python with torch for cpu (once)' }],
  [1, { type: 'progress', phase: 'environment', item: 'environment for Python 3.11.7', unit: 'packages', ...none }],
  [20, { type: 'progress', phase: 'environment', item: 'packages', unit: 'packages', ...most }],
  [30, { type: 'progress', phase: 'environment', item: 'torch 2.13.0+cpu', unit: 'packages', ...most }],
  [40, { type: 'progress', phase: 'environment', item: 'packages fetched', unit: 'bytes', done: 117e6, total: 500e6 }],
]);

describe('the dashboard', () => {
  it('shows how far a set-up is once, not how far each of its stages was', () => {
    const text = frame(settingUp, 80, 24).join('\n');
    expect(text).toContain('torch 2.13.0+cpu');
    expect(text).toContain('117 of 500 MB');
    expect(text.match(/of 53 packages/gu)).toHaveLength(1);
    expect(text).not.toContain('environment for Python');
  });

  it('tells how fast pictures are encoded and when that ends, on 80 columns', () => {
    const text = frame(encoding, 80, 24).join('\n');
    expect(text).toContain('80 %  1200 of 1500 pictures  10.5 s/picture  53 min left');
  });

  it('shows what is fetched for captions and their writing as one row', () => {
    const text = frame(captioning, 80, 24);
    expect(text.filter((line) => line.includes('Writing captions'))).toEqual([
      expect.stringMatching(/^❯ Writing captions +10 s {2}florence-2-base/u),
    ]);
    expect(text.join('\n')).toContain('0 of 12 captions  loading the model');
    // The environment was ready without a word.
    expect(text.join('\n')).not.toContain('Python environment');
    expect(text.join('\n')).toContain('  Base model');
  });

  it('is fed with events as the schema has them', () => {
    for (const event of [...training, ...fetching]) expect(payloads[event.type].safeParse(event).error).toBeUndefined();
  });

  const sizes = [
    [200, 60],
    [120, 34],
    [100, 30],
    [99, 30],
    [80, 24],
    [60, 16],
    [59, 24],
    [40, 10],
    [20, 5],
    [5, 2],
    [1, 1],
  ] as const;
  it.each(sizes)('is less than the terminal in both directions: %i×%i', (columns, rows) => {
    const image = new Array<string>(16).fill('▀'.repeat(40));
    for (const events of [training, fetching, hostile, training.slice(0, 12), []])
      for (const style of [plain, bright, ascii])
        for (const more of [{}, { real: true }, { sample: () => image }, { notice: 'a long notice '.repeat(20) }]) {
          const lines = frame(events, columns, rows, style, more);
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
          for (const line of lines) expect(width(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
        }
  });

  it.each([
    [200, 60],
    [160, 50],
    [100, 30],
  ])('leaves rows empty for the newest samples on a terminal that shows images: %i×%i', (columns, rows) => {
    const state = reduceAll(initialState, training);
    for (const notice of [undefined, 'Asked for samples: they come after this step.']) {
      const lines = frame(training, columns, rows, plain, { real: true, notice });
      const images = screenImages({ state, size: { columns, rows }, real: true }, '/run');
      if (images === undefined) throw new Error('no images');
      expect(lines[images.top - 1]).toMatch(/^step 800:.* {2,}step 800:/u);
      expect(lines.slice(images.top, images.top + images.rows).join('')).toBe('');
      expect(lines[images.top + images.rows]).toBe(notice ?? '');
      expect(lines[images.top + images.rows + 1]).toContain('d detach');
      expect(images.images.map(({ path }) => path)).toEqual(['/run/samples/000800-0.png', '/run/samples/000800-1.png']);
      const [first, second] = images.images;
      expect(second?.column).toBe((first?.columns ?? 0) + 2);
    }
    // Images are sent to such a terminal once, and stay there until there are newer samples.
    const later = reduceAll(state, story(now + 60, [[0, { type: 'note', level: 'info', text: 'news' }]]));
    const same = { size: { columns, rows }, real: true };
    expect(screenImages({ state: later, ...same }, '/run')).toEqual(screenImages({ state, ...same }, '/run'));
  });

  it('has no rows for images where there is no room, before the first step, or without such a terminal', () => {
    const state = reduceAll(initialState, training);
    const images = (columns: number, rows: number, real = true, of = state) =>
      screenImages({ state: of, size: { columns, rows }, real }, '/run');
    expect(images(80, 24)).toBeUndefined();
    expect(images(160, 50, false)).toBeUndefined();
    expect(images(160, 50, true, reduceAll(initialState, fetching))).toBeUndefined();
  });

  it('tells a run at a glance on 80×24', () => {
    const text = frame(training, 80, 24).join('\n');
    expect(text).toMatch(/^fox-emblem {3}SDXL 1\.0 {3}rank 16 +62 % {3}ends \d\d:\d\d \(5 min\)$/m);
    expect(text).toContain('step 992 of 1600 · epoch 7 of 10 · 1.9 pictures/s');
    expect(text).toMatch(/validation 0\.0947 ↓ since step 600/);
    expect(text).toMatch(/lr 3\.2e-5 {2}cosine/);
    expect(text).toContain('9.6 GB memory');
    expect(text).toMatch(/✔ \d\d:\d\d {2}checkpoint at step 800 \(best so far\)/);
    expect(text).toMatch(/samples at step 800: 2 pictures {3}p to look/);
    expect(text).toMatch(/d detach · s stop · c checkpoint · g sample · p pictures · l log · \? help$/);
    expect(text.match(/[⠀-⣿]/gu)?.length).toBeGreaterThan(40);
  });

  it('is readable in ASCII without colour', () => {
    const text = frame(training, 80, 24, ascii).join('\n');
    expect([...text].filter((sign) => sign > '~')).toEqual([]);
    expect(text).toMatch(/^#{48,49}-{30,31}$/m);
    expect(text).toContain('*');
  });

  it('shows what is fetched, how far, how fast, how long', () => {
    const text = frame(fetching, 80, 24).join('\n');
    expect(text).toMatch(/✔ Python environment/);
    expect(text).toMatch(/❯ Base model +\d+ s {2}SDXL 1\.0/);
    expect(text).toMatch(/66 % {2}4\.6 of 6\.9 GB {2}48\.0 MB\/s {2}48 s left$/m);
    expect(text).toMatch(/✔ vae\.safetensors {2}335 MB/);
    expect(text).toMatch(/^ {2}Pictures and captions$/m);
  });

  it('is one line where there is no space for more', () => {
    expect(frame(training, 59, 12).filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^62 % step 992\/1600 loss 0\.0\d+ 5 min left fox-emblem$/),
    ]);
    expect(layoutOf({ columns: 59, rows: 40 })).toBe('line');
    expect(layoutOf({ columns: 80, rows: 24 })).toBe('narrow');
    expect(layoutOf({ columns: 100, rows: 30 })).toBe('wide');
  });

  it('says when the run has sent no event for long', () => {
    const lines = frame(training, 80, 24, plain, { now: now + 240 });
    expect(lines.join('\n')).toContain('Nothing heard for 4 min');
  });

  it('lets no foreign text move the cursor', () => {
    const signs = frame(hostile, 80, 24).flatMap((line) => [...line]);
    expect(signs.filter((sign) => sign < ' ' || (sign >= '\u007f' && sign <= '\u009f'))).toEqual([]);
  });

  it('has no keys that change the run in a read-only view', () => {
    const text = frame(training, 80, 24, plain, { keys: keysFor(true) }).join('\n');
    expect(text).toMatch(/d detach · p pictures · l log · \? help$/);
    expect(new Set(dashboardKeys.flatMap(({ keys }) => keys)).size).toBe(
      dashboardKeys.flatMap(({ keys }) => keys).length,
    );
  });
});
