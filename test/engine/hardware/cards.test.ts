import { describe, expect, it } from 'vitest';
import { chooseCards, weakest } from '../../../src/engine/hardware/cards.ts';
import type { Gpu } from '../../../src/engine/hardware/types.ts';

const card = (index: number, more: Partial<Gpu> = {}): Gpu => ({
  vendor: 'nvidia',
  index,
  name: 'RTX 4090',
  totalBytes: 24e9,
  freeBytes: 23e9,
  driver: null,
  capability: '8.9',
  ...more,
});
const four = [0, 1, 2, 3].map((index) => card(index));
const first = { device: 'cuda:0', gpu: four[0] };
const processor = { device: 'cpu', gpu: undefined };

describe('chooseCards', () => {
  it.each([
    ['auto', [], 1],
    [1, [], 1],
    ['all', [0, 1, 2, 3], 4],
    [2, [0, 1], 2],
    [[3, 1], [3, 1], 2],
    [[2], [], 1],
  ] as const)('takes for %j the cards %j', (devices, cards, processes) => {
    expect(chooseCards(devices, first, four)).toMatchObject({ cards, processes, warnings: [] });
  });

  it('begins with the card that resources.device names', () => {
    expect(chooseCards(2, { device: 'cuda:2', gpu: four[2] }, four).cards).toEqual([2, 0]);
  });

  it('makes processes on a processor, and one of them where all are asked for', () => {
    expect(chooseCards(3, processor, [])).toMatchObject({ cards: [], processes: 3 });
    expect(chooseCards('all', processor, [])).toMatchObject({ cards: [], processes: 1 });
  });

  it.each([
    [9, first, 'it wants 9 cards, and there are 4'],
    [[0, 7], first, 'it lists card 7, which is not there'],
    [[0, 1], processor, 'it lists cards, and this run trains on the processor'],
    [2, { device: 'mps', gpu: card(0, { vendor: 'apple' }) }, 'an Apple chip is one device'],
  ] as const)('refuses %j with the cards that are there', (devices, device, words) => {
    expect(() => chooseCards(devices, device, four)).toThrow(words);
  });

  it('says that different cards wait for the slowest, and plans for the weakest', () => {
    const mixed = [
      card(0),
      card(1, { name: 'RTX 2080', totalBytes: 8e9, capability: '7.5' }),
      card(2, { totalBytes: 6e9 }),
    ];
    const { warnings, gpus } = chooseCards('all', { device: 'cuda:0', gpu: mixed[0] }, mixed);
    expect(warnings.join()).toContain('the 3 cards differ (RTX 4090, RTX 2080)');
    expect(weakest(gpus)?.index).toBe(1);
    expect(weakest([card(0), card(2, { totalBytes: 6e9 })])?.index).toBe(2);
    expect(weakest([])).toBeUndefined();
  });
});
