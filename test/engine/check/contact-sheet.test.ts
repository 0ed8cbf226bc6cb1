import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sheetFile } from '../../../src/cli/commands/dataset/sheet.ts';
import { contactSheet, SHEET_MARK } from '../../../src/engine/check/contact-sheet.ts';
import type { CheckImage } from '../../../src/engine/check/finding.ts';

const NASTY = '"><script>alert(1)</script><img src=x onerror=alert(2)>\'&amp;\u202e\u0007</style>';

const image = (path: string, more: Partial<CheckImage> = {}): CheckImage => ({
  path,
  sha256: path,
  size: [600, 400],
  bucket: [400, 400],
  own: NASTY,
  caption: NASTY,
  uses: 1,
  ...more,
});

const sheet = (images: readonly CheckImage[], paths: readonly string[] = []) =>
  [
    ...contactSheet({
      name: NASTY,
      images,
      findings: [
        {
          kind: 'blurred',
          level: 'warn',
          what: NASTY,
          done: NASTY,
          change: NASTY,
          items: paths.map((path) => ({ path, detail: NASTY })),
        },
      ],
      leftOut: [{ path: NASTY, problem: NASTY }],
      thumbnail: (sha256) => (sha256 === 'none' ? undefined : Buffer.from([1, 2, 3])),
    }),
  ].join('');

/** All tags of a page, in the order of the page. */
const tagsIn = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>/u, '<style>')
    .replace(/<script>const[\s\S]*?<\/script>|<script>\nconst[\s\S]*?<\/script>/u, '<script>')
    .match(/<[a-z!/][^>]*>/giu) ?? [];

describe('the contact sheet', () => {
  it('makes no tag and no attribute of text from the data set', () => {
    const html = sheet([image(NASTY), image('none')], [NASTY]);
    const names = new Set(tagsIn(html).map((tag) => /^<\/?([a-z0-9!]+)/iu.exec(tag)?.[1]?.toLowerCase()));
    expect([...names].sort()).toEqual(
      ['!doctype', 'b', 'body', 'code', 'details', 'div', 'em', 'figcaption', 'figure', 'h1', 'head', 'header', 'html']
        .concat(['img', 'kbd', 'li', 'main', 'meta', 'p', 'path', 'q', 'rect', 'script', 'section', 'small', 'style'])
        .concat(['summary', 'svg', 'title', 'ul']),
    );
    expect(tagsIn(html).filter((tag) => /\son\w+=|src=x|javascript:/iu.test(tag))).toEqual([]);
    expect(['\u202e', '\u0007'].filter((sign) => html.includes(sign))).toEqual([]);
    expect(html.match(/<script/gu)).toHaveLength(1);
  });

  it('allows by its content policy only its own style, script and images', () => {
    const html = sheet([image('a')]);
    const policy = /Content-Security-Policy" content="([^"]+)"/u.exec(html)?.[1] ?? '';
    const hash = (tag: string) => {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'u').exec(html)?.[1] ?? '';
      return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    };
    expect(policy).toBe(
      `default-src 'none'; img-src data:; style-src ${hash('style')}; script-src ${hash('script')}; base-uri 'none'; form-action 'none'`,
    );
    // A style attribute would be refused by this policy.
    expect(html).not.toMatch(/\sstyle=/u);
    expect(html.match(/(?:src|href)="(?!data:)/gu)).toBeNull();
  });

  it('shows the crop, and names the images that were not examined', () => {
    const html = sheet([image('a'), image('none'), image('b', { bucket: [600, 400] })]);
    expect(html.match(/<rect x="16.67" y="0.00" width="66.67" height="100.00"\/>/gu)).toHaveLength(1);
    expect(html.match(/not looked at/gu)).toHaveLength(1);
    const moved = [
      ...contactSheet({
        ...{ name: 'a', images: [image('a')], findings: [], leftOut: [] },
        thumbnail: () => Buffer.from([1]),
        crops: new Map([['a', { left: 0.25, top: 0, lost: 0 }]]),
      }),
    ].join('');
    expect(moved).toContain('<rect x="25.00" y="0.00" width="66.67" height="100.00"/>');
  });

  it('shows images with findings first when there are too many', () => {
    const many = Array.from({ length: 2005 }, (_, i) => image(`p${i}`, { caption: '' }));
    const html = sheet(many, ['p2004']);
    expect(html).toContain('2005 pictures, 2000 shown');
    expect(html.match(/<figure/gu)).toHaveLength(2000);
    expect(html.indexOf('<code>p2004</code><small>')).toBeLessThan(html.indexOf('<code>p0</code><small>'));
    expect(html).not.toContain('<code>p2003</code><small>');
  });

  it('is written neither into the data set nor over another file', () => {
    const dir = mkdtempSync(join(tmpdir(), 'vt-sheet-'));
    mkdirSync(join(dir, 'data'));
    writeFileSync(join(dir, 'other.html'), 'mine');
    writeFileSync(join(dir, 'old.html'), `<!doctype html>${SHEET_MARK}`);
    const at = (name: string) => sheetFile(join(dir, name), join(dir, 'data'));
    expect(at('new.html')).toBe(join(dir, 'new.html'));
    expect(at('old.html')).toBe(join(dir, 'old.html'));
    expect(() => at('data/sheet.html')).toThrow('nothing is written');
    expect(() => at('other.html')).toThrow('no contact sheet');
    expect(() => at('nowhere/sheet.html')).toThrow('There is no folder');
  });
});
