import { describe, expect, it } from 'vitest';
import { CADENCE, cadenceWords, plannedCadence, readCadence } from '../../../src/spec/sections/cadence.ts';

describe('a cadence', () => {
  it.each([
    [0, 0, '0 steps'],
    [100, 100, '100 steps'],
    ['2 epochs', '2 epochs', '2 epochs'],
    ['1epoch', '1 epochs', '1 epoch'],
    ['30m', '30 minutes', '30 minutes'],
    ['45 min', '45 minutes', '45 minutes'],
    ['2h', '120 minutes', '120 minutes'],
  ])('%s is planned as %s, and said as %s', (typed, planned, words) => {
    expect(plannedCadence(typed)).toBe(planned);
    expect(cadenceWords(typed)).toBe(words);
  });

  it.each(['0 epochs', '-1m', '2 weeks', 'm', '1.5 epochs', '2  epochs', ''])('is not %j', (text) => {
    expect(CADENCE.test(text)).toBe(false);
    expect(() => readCadence(text)).toThrow(TypeError);
  });
});
