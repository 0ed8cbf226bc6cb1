import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { harmlessJson, neutralise } from '../../src/base/text.ts';
import type { Output } from '../../src/cli/shell/output.ts';
import { clipLine } from '../../src/terminal/clip.ts';
import { styleFor } from '../../src/terminal/style.ts';
import { highlighted, type Line, onTerminal, Styled, styled } from '../../src/terminal/styled.ts';

/** Text that a stranger would plant, or any other text. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '\u001b',
        '[',
        ']0;',
        '\u0007',
        '\u009b',
        '31m',
        'm',
        '\u202e',
        '\u2066',
        '\n',
        '\r',
        '\u007f',
        '\u200b',
        '\ud800',
        'x',
        ' ',
        '狐',
      ),
    )
    .map((parts) => parts.join('')),
);
const forbidden = /[\p{Cc}\p{Cs}\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const colours = /\u001b\[[0-9;]*m/g;
const bright = styleFor({ colour: 3, unicode: true });

/** A line put together with hostile text in every way that the module offers. */
const lineOf = ([a = '', b = '', c = '', d = '']: readonly string[]): Line =>
  styled`${bright.bold(a)} ${b}: ${highlighted(c, [[d, bright.good]])} ${c as unknown as number} ${Styled.joined([a, bright.dim(d)], b)}`;

describe('the door to the terminal', () => {
  it('lets nothing through but text and our own colours, however a line is put together', () => {
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 4, maxLength: 4 }),
        fc.nat(60),
        fc.boolean(),
        (parts, cells, unicode) => {
          for (const line of [parts[0] ?? '', lineOf(parts), clipLine(lineOf(parts), cells, true)]) {
            const sent = onTerminal(line, { unicode });
            // No text from outside can form our colour sequence behind a stray escape, because no escape is left.
            expect(sent.replace(colours, '')).not.toMatch(forbidden);
            const ours = Styled.of(line)
              .spans.flatMap(({ on, off }) => [on, off])
              .filter((code) => code !== '');
            expect(sent.match(colours) ?? []).toEqual(ours.map((code) => `\u001b[${code}m`));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps harmless text unchanged, so that a second pass changes nothing', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(neutralise(neutralise(text))).toBe(neutralise(text));
      }),
    );
    for (const text of ['наклейка 狐 👩‍🚀 é', 'می‌خواهم', 'a → b ± 2²']) expect(neutralise(text)).toBe(text);
  });

  it('treats text in the place of a number as text', () => {
    const code = '\u001b]0;owned\u0007' as unknown as number;
    expect(styled`exit ${code}`.ansi()).toBe('exit \ufffd]0;owned\ufffd');
  });

  it('makes a colour of digits only', () => {
    expect(() => Styled.painted('x', '1m\u001b]0;y\u0007', '0')).toThrow('a colour is digits');
    // @ts-expect-error A Styled cannot be made from spans elsewhere.
    expect(() => new Styled(Symbol(), [{ text: '\u001b', on: '', off: '' }])).toThrow('styled text is made by');
    // @ts-expect-error Neither is what looks like one taken for one.
    const say: Parameters<Output['talk']>[0] = { spans: [], width: 0, ansi: () => '\u001b[2J' };
    expect(onTerminal(say, { unicode: true })).not.toContain('\u001b');
  });

  it('loses colours, not safety, where a styled line is put into a plain string', () => {
    expect(`${bright.bold('fox')}`).toBe('fox');
  });

  it('replaces signs that a terminal without Unicode lacks, and cuts between colours', () => {
    expect(onTerminal('✖ 10×20 … ± → “a”', { unicode: false })).toBe('x 10x20 ... +- -> "a"');
    const line = styled`${bright.good('狐狐')} fox`;
    expect(clipLine(line, 3).ansi()).toBe('\u001b[32m狐\u001b[39m\u001b[0m');
    expect(clipLine(line, 9, true).toString()).toBe('狐狐 fox ');
  });
});

describe('JSON for a terminal', () => {
  it('is equal when parsed and has no control character', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(hostile, hostile),
        fc.constantFrom(undefined, 2),
        (value, texts, indent) => {
          for (const document of [value, texts, [texts]]) {
            const text = harmlessJson(document, indent);
            expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(document)));
            expect(text.replaceAll('\n', '')).not.toMatch(forbidden);
          }
        },
      ),
    );
    expect(harmlessJson({ a: '\u009b31m' })).toBe(String.raw`{"a":"\u009b31m"}`);
  });
});
