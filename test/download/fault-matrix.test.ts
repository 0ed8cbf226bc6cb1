import { expect, test } from 'vitest';
import { type Cell, isRecoverable, runCells, someCells } from '../helpers/fault-matrix.ts';

test('every fault ends with the right bytes or a documented error, and every recoverable one with the bytes', async () => {
  const wrong: string[] = [];
  const name = (cell: Cell) =>
    `${cell.kind} at the ${cell.position}, ${cell.mode}, ${cell.resumed ? 'resumed' : 'fresh'}, ${cell.connections} connections`;
  await runCells(someCells(), 8, (cell, result) => {
    for (const violation of result.violations) wrong.push(`${name(cell)}: ${violation}`);
    if (isRecoverable(cell) && !result.completed) wrong.push(`${name(cell)}: not completed: ${result.error}`);
    // When a connection is closed as a straggler, a fault that strikes once is used up with it, and another connection
    // goes on.
    const dodged = cell.mode === 'once' && cell.connections > 1;
    if (!isRecoverable(cell) && result.completed && !dodged) wrong.push(`${name(cell)}: completed, which cannot be`);
  });
  expect(wrong).toEqual([]);
}, 600_000);
