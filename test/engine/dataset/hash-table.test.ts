/** The table by which remembered files and equal images are found. */
import { expect, it } from 'vitest';
import { HashTable } from '../../../src/engine/dataset/known/hash-table.ts';

it('finds every value under its hash, also where many have the same hash or the last slots are taken', () => {
  const hashes = [7, 0xffff_ffff, 7, 0xffff_fffe, 0, 0xffff_ffff, 7, 15];
  const table = new HashTable(hashes.length);
  for (const [i, hash] of hashes.entries()) table.add(i, hash);
  const found = (hash: number) => [...table.withHash(hash)];
  expect(found(7)).toEqual([0, 2, 6]);
  expect(found(0xffff_ffff)).toEqual([1, 5]);
  expect(found(0xffff_fffe)).toEqual([3]);
  expect(found(0)).toEqual([4]);
  expect(found(15)).toEqual([7]);
  expect(found(8)).toEqual([]);
});

it('finds nothing when it is empty', () => {
  expect([...new HashTable(0).withHash(0)]).toEqual([]);
});
