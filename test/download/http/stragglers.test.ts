import { describe, expect, it } from 'vitest';
import { Stragglers } from '../../../src/download/http/stragglers.ts';

const MB = 1e6;

/**
 * Watches connections, looking eight times a second. Each has a `rate` in bytes per second, and its first byte comes
 * `from` seconds after the start.
 */
function watch(rates: readonly { rate: (t: number) => number; from?: number }[], until: number) {
  const connections = rates.map(() => ({ bytes: 0 }));
  const all = new Stragglers<{ bytes: number }>();
  const hopeless = new Map<number, number>();
  const doubtful = new Map<number, number>();
  const renewed: { at: number; which: number }[] = [];
  for (let t = 0; t <= until; t += 0.125) {
    rates.forEach(({ rate, from = 0 }, i) => {
      const connection = connections[i];
      if (connection !== undefined && t >= from) connection.bytes += rate(t) * 0.125;
    });
    all.tick(connections, t);
    connections.forEach((connection, i) => {
      if (all.isDoubtful(connection, t) && !doubtful.has(i)) doubtful.set(i, t);
      if (all.isHopeless(connection, t, false) && !hopeless.has(i)) hopeless.set(i, t);
    });
    const renew = all.toRenew(t);
    if (renew !== undefined) renewed.push({ at: t, which: connections.indexOf(renew) });
  }
  return { hopeless: [...hopeless], doubtful: [...doubtful], renewed };
}

const steady = (rate: number) => ({ rate: () => rate });

describe('a connection far slower than the others', () => {
  it('is doubted after a second and given up after three', () => {
    const { doubtful, hopeless } = watch([steady(5 * MB), steady(5 * MB), steady(2000)], 10);
    expect(doubtful).toEqual([[2, 1]]);
    expect(hopeless).toEqual([[2, 3]]);
  });

  it('may also be one that fell silent in the middle', () => {
    const { hopeless } = watch([steady(5 * MB), { rate: (t) => (t < 20 ? 5 * MB : 100) }], 30);
    expect(hopeless.map(([which]) => which)).toEqual([1]);
    expect(hopeless[0]?.[1]).toBeGreaterThanOrEqual(20);
    expect(hopeless[0]?.[1]).toBeLessThanOrEqual(22);
  });

  it('is not one that is a few times slower, starts slowly, or shares a narrow line', () => {
    const few = watch([steady(5 * MB), steady(5 * MB), steady(1 * MB)], 60);
    // The rate doubles every 300 ms, as on a connection over a long distance, up to the same 5 MB/s.
    const far = watch([steady(5 * MB), { rate: (t) => Math.min(5 * MB, 14_000 * 2 ** (t / 0.3)) }], 60);
    const narrow = watch([steady(20_000), steady(500)], 8);
    for (const { hopeless } of [few, far, narrow]) expect(hopeless).toEqual([]);
  });

  it('may also be one that has not answered for long while the others work', () => {
    const never = { rate: () => 0, from: 1e9 };
    expect(watch([steady(MB), never], 30).hopeless).toEqual([[1, 10]]);
    expect(watch([never], 60)).toMatchObject({ hopeless: [], renewed: [] });
  });

  it('is recognised by comparison with connections that have ended', () => {
    const all = new Stragglers<{ bytes: number }>();
    const [quick, slow] = [{ bytes: 0 }, { bytes: 0 }];
    all.tick([quick, slow], 0);
    all.tick([quick, slow], 0.1);
    quick.bytes = 2 * MB;
    all.tick([quick, slow], 0.5);
    all.ended(quick, 0.5);
    for (let t = 1; t <= 4; t += 0.125) {
      slow.bytes += 250;
      all.tick([slow], t);
    }
    expect(all.isHopeless(slow, 4, false)).toBe(true);
  });

  it('is replaced now and then where all are slow', () => {
    const { renewed, hopeless } = watch([steady(2000), steady(3000)], 80);
    expect(hopeless).toEqual([]);
    expect(renewed.map(({ which }) => which)).toEqual([0, 0, 0]);
    const [first, second, third] = renewed.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(20);
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(40);
  });
});
