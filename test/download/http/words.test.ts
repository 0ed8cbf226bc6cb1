/** What servers write into headers becomes text for people and numbers to calculate with. */
import { describe, expect, it } from 'vitest';
import { failureAdvice } from '../../../src/download/download-errors.ts';
import { Fault, parseRetryAfter } from '../../../src/download/http/fault.ts';
import { checkHeaders, claimedSize } from '../../../src/download/http/sniff.ts';

describe('headers of a hostile server', () => {
  it('make no long or unreadable words', () => {
    const told = (encoding: string) => {
      try {
        checkHeaders({ 'content-encoding': encoding }, 'example.org');
      } catch (error) {
        return (error as Fault).message;
      }
      return undefined;
    };
    expect(told('gzip')).toBe('example.org sent the file compressed (gzip) although asked not to');
    expect(told('x'.repeat(9000))).toBe(
      `example.org sent the file compressed (${'x'.repeat(39)}…) although asked not to`,
    );
    expect(new Fault('page', 'x'.repeat(9000)).message).toHaveLength(300);
    expect(told('\u009b31m')).toMatch(/^[\x20-\x7e\ufffd]+$/);
  });

  it('give a size only in digits, above 0 and below the largest possible file', () => {
    expect(claimedSize('1048653', 'example.org')).toBe(1048653);
    for (const text of ['', ' ', '0', '-1', '+5', '1e3', '0x10', 'a, b', '9007199254740993', '9'.repeat(400)])
      expect(() => claimedSize(text, 'example.org'), text).toThrow(/^example\.org says that the file has ".*/);
  });

  it('give a wait only as a number', () => {
    expect(parseRetryAfter('120')).toBe(120);
    for (const text of ['9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']) {
      const retryAfter = parseRetryAfter(text) ?? 0;
      expect(failureAdvice([new Fault('busy', 'x', { retryAfter })], {})).toEqual([
        'The server asks to wait 365 d 0 h; then run the same command again.',
      ]);
    }
  });
});
