/** Keeps the memory of this process near what it holds. */
import { setFlagsFromString } from 'node:v8';

/** From so many things on, what is known of them fills so much memory that garbage beside it counts. */
const MANY = 100_000;

/**
 * Collects garbage early from now on where there are many things to keep: V8 otherwise lets a heap of 300 MB grow to
 * twice that on a machine with memory to spare. It costs some processor time, and nothing undoes it.
 */
export function keepHeapLean(things: number): void {
  if (things > MANY) setFlagsFromString('--optimize-for-size');
}
