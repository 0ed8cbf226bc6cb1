import { describe, expect, it } from 'vitest';
import { ConnectionController } from '../../../src/download/transfer/connection-controller.ts';

const GIB = 2 ** 30;

/** The number of connections wanted at each moment of a download, on a link of `rate(connections)` bytes per second. */
function run(rate: (connections: number) => number, seconds: number, size = 4 * GIB): number[] {
  const pace = new ConnectionController({ first: 1, most: 4 }, 0);
  const wanted: number[] = [];
  let received = 0;
  for (let now = 0; now < seconds; now += 0.125) {
    received = Math.min(size, received + rate(pace.wanted) * 0.125);
    wanted.push(pace.tick(now, received, size - received));
  }
  return wanted;
}

describe('the number of connections', () => {
  it('grows to the most within two seconds where each one is capped', () => {
    const wanted = run((n) => n * 20e6, 30);
    expect(wanted[0]).toBe(1);
    expect(wanted[16]).toBe(4);
    expect(wanted.at(-1)).toBe(4);
  });

  it('comes back to one where a second brings nothing, and does not try again for a while', () => {
    const wanted = run(() => 100e6, 30);
    expect(Math.max(...wanted)).toBe(2);
    expect(wanted.at(-1)).toBe(1);
    expect(wanted.filter((n) => n > 1).length).toBeLessThan(10);
  });

  it('keeps connections that pay and gives back those that do not', () => {
    expect(run((n) => Math.min(n, 2) * 20e6, 20).at(-1)).toBe(2);
  });

  it('stays at one for a nearly finished download', () => {
    expect(Math.max(...run(() => 100e6, 3, 0.2 * GIB))).toBe(1);
  });

  it('goes down for good when the server complains', () => {
    const pace = new ConnectionController({ first: 4, most: 4 }, 0);
    pace.complain(1);
    expect(pace.wanted).toBe(3);
    for (let now = 1; now < 120; now += 0.125) pace.tick(now, now * 8e7, 1e12);
    expect(pace.wanted).toBe(3);
  });
});
