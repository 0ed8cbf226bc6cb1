/** The screen on which captions are edited: keys, what they change, and what is drawn at each size. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { describe, expect, it } from 'vitest';
import {
  type CaptionSet,
  type CaptionUi,
  captionOfEntry,
  changedCaptions,
  editEntry,
  initialCaptionUi,
  pressCaption,
} from '../../../src/cli/dashboard/captions/caption-press.ts';
import { CaptionScreen } from '../../../src/cli/dashboard/captions/caption-screen.tsx';
import { typeInto } from '../../../src/cli/dashboard/captions/typed-line.ts';
import { DashboardFrame } from '../../../src/cli/dashboard/dashboard.tsx';
import { width } from '../../../src/terminal/columns.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import { png } from '../../helpers/png.ts';

const set: CaptionSet = {
  images: [
    { path: 'a/fox.png', caption: 'red fox,sitting' },
    { path: 'b/bear.png', caption: '' },
    { path: 'c/owl.png', caption: 'An owl on a branch. It looks down.' },
  ],
  scores: (i) =>
    i === 0
      ? [
          ['sitting', 0.9],
          ['snow', 0.4],
          ['tree', 0.05],
        ]
      : [],
  known: ['red fox', 'reading', 'snow'],
};

/** Presses keys one after another: names stand in <>, and anything else is typed text. */
function pressed(keys: string, from: CaptionUi = initialCaptionUi): CaptionUi {
  let ui: CaptionUi | 'leave' = from;
  for (const [, key, text] of keys.matchAll(/<([a-z-]+)>|([\s\S])/gu)) {
    if (ui === 'leave') throw new Error('left too early');
    ui = pressCaption(ui, key === undefined ? { text: text ?? '' } : { key }, set);
  }
  if (ui === 'leave') throw new Error('left');
  return ui;
}
const caption = (ui: CaptionUi, at = ui.at) => captionOfEntry(editEntry(ui, set, at));
const changes = (keys: string) => Object.fromEntries(changedCaptions(pressed(keys), set));

describe('keys', () => {
  it.each([
    ['', {}],
    [' ', { 0: 'sitting' }],
    ['  ', {}],
    ['j<enter>', { 0: 'red fox' }],
    ['<down><down> ', { 0: 'red fox, sitting, snow' }],
    ['asnow, tail<enter>', { 0: 'red fox, sitting, snow, tail' }],
    ['aRed_Fox<enter>', {}],
    ['axx<escape>', {}],
    ['are<tab><enter>', {}],
    ['area<tab><enter>', { 0: 'red fox, sitting, reading' }],
    ['n' + 'aa bear<enter>', { 1: 'a bear' }],
    ['e<end>, snow<enter>', { 0: 'red fox,sitting, snow' }],
    ['e<ctrl-u><enter>', { 0: '' }],
    [' u', {}],
    [' najay<enter>u', { 0: 'sitting' }],
    [' najay<enter>uu', {}],
    ['<right><right><right> ', { 2: '' }],
  ])('%j', (keys, wanted) => {
    expect(changes(keys)).toEqual(wanted);
  });

  it('an undo shows the image whose caption it restores', () => {
    const ui = pressed(' nnu');
    expect([ui.at, ui.notice, caption(ui)]).toEqual([0, 'Undone.', 'red fox,sitting']);
    expect(pressed('u').notice).toBe('Nothing was changed yet.');
  });

  it('a search keeps to what it found, and names what it did not find', () => {
    const ui = pressed('/owl<enter>');
    expect([ui.at, ui.found]).toEqual([2, [2]]);
    expect(pressed('n', ui).notice).toBe('This is the last one.');
    expect(pressed('<escape>n', pressed('/FOX<enter>')).at).toBe(1);
    const none = pressed('/zebra<enter>');
    expect([none.at, none.found, none.notice]).toEqual([0, undefined, 'No name and no caption has zebra.']);
  });

  it('leaves with q and Ctrl-C, and types a q while it asks', () => {
    expect(pressCaption(initialCaptionUi, { text: 'q' }, set)).toBe('leave');
    expect(pressCaption(pressed('a'), { key: 'ctrl-c' }, set)).toBe('leave');
    expect(pressed('aq').asking?.text).toBe('q');
  });

  it('moves the cursor by what a person sees as one character', () => {
    let line = { text: '', cursor: 0 };
    for (const [key, text] of [
      [undefined, 'a👩‍🚀e\u0301\nb'],
      ['left', undefined],
      ['left', undefined],
      ['backspace', undefined],
      ['backspace', undefined],
      ['delete', undefined],
    ] as const)
      line = typeInto(line, key, text, 100);
    expect(line).toEqual({ text: 'ab', cursor: 1 });
    expect(typeInto(line, undefined, 'x'.repeat(200), 100)).toBe(line);
  });
});

const preview = join(mkdtempSync(join(tmpdir(), 'vt-preview-')), 'a.png');
writeFileSync(
  preview,
  png(60, 60, (x, y) => [x * 4, y * 4, 90]),
);

function screen(ui: CaptionUi, columns: number, rows: number, colour: 0 | 3 = 3, unicode = true): string[] {
  const size = { columns, rows };
  const props = { set, ui, preview: () => preview, unseen: undefined, made: 0, size, colour };
  const text = renderToString(
    <DashboardFrame size={{ columns: columns + 1, rows: rows + 1 }}>
      <CaptionScreen {...props} style={styleFor({ colour, unicode })} />
    </DashboardFrame>,
    { columns },
  );
  return stripVTControlCharacters(text).split('\n');
}

describe('screen', () => {
  it.each([
    [79, 23, 3, true],
    [79, 23, 0, true],
    [79, 23, 0, false],
    [40, 10, 3, true],
    [20, 6, 3, true],
    [200, 60, 3, true],
  ] as const)('fits %d columns and %d rows', (columns, rows, colour, unicode) => {
    for (const keys of ['', ' ', 'a狐', 'e', 'nn', '/zz<enter>']) {
      const lines = screen(pressed(keys), columns, rows, colour, unicode);
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the letters of ASCII
      if (!unicode && keys !== 'a狐') expect(lines.join('')).toMatch(/^[\u0000-\u007f]*$/u);
    }
  });

  it('shows the picture, the parts with their scores, and what was changed', () => {
    const lines = screen(pressed('j '), 79, 23);
    expect(lines[0]).toMatch(/^a\/fox\.png +1 of 3 · 1 changed$/u);
    expect(lines.join('\n')).toContain('▀▀▀');
    expect(lines[2]).toMatch(/\[x\] red fox/u);
    expect(lines[3]).toMatch(/❯ \[ \] sitting +0\.90/u);
    expect(lines[4]).toMatch(/\[ \] snow +0\.40/u);
    expect(lines.join('\n')).not.toContain('tree');
  });

  it('shows names and captions without their escapes', () => {
    const odd: CaptionSet = { ...set, images: [{ path: 'a\u001b[31m.png', caption: 'x\u001b]0;t\u0007, y' }] };
    const props = { set: odd, ui: initialCaptionUi, preview: () => preview, unseen: undefined, made: 0, colour: 0 };
    const size = { columns: 79, rows: 23 };
    const text = renderToString(
      <CaptionScreen {...props} size={size} style={styleFor({ colour: 0, unicode: true })} />,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(stripVTControlCharacters(text)).not.toMatch(/[\u0007\u001b]/u);
    expect(text).not.toContain('\u001b]0');
  });
});
