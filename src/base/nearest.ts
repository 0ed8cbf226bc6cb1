/** The candidate nearest to the typed word, if one is near enough to be meant; case, dashes and spaces do not count. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(typed);
  let best: { word: string; distance: number } | undefined;
  for (const word of candidates) {
    const distance = edits(wanted, plain(word));
    if (best === undefined || distance < best.distance) best = { word, distance };
  }
  return best !== undefined && best.distance <= Math.max(1, Math.floor(wanted.length * 0.4)) ? best.word : undefined;
}

// Words are cut to 100 characters, so that no input makes the comparison slow.
const plain = (word: string) => word.slice(0, 100).toLowerCase().replaceAll(/[-\s]/gu, '_');

/** Optimal string alignment distance: the number of insertions, deletions, replacements and swaps of neighbours. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : change;
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
