/** Reads the answer of a hook: the last line of its stdout that is a JSON object with `metrics` or `stop`. Pure. */

export interface HookAnswer {
  readonly metrics: Readonly<Record<string, number>>;
  /** Whether the hook asks to stop the run, with a checkpoint. */
  readonly stop: boolean;
}

const NOTHING: HookAnswer = { metrics: {}, stop: false };
const MOST_METRICS = 32;
const METRIC_NAME = /^[A-Za-z][\w./-]{0,63}$/;

export function hookAnswer(stdout: string): HookAnswer {
  for (const line of stdout.split('\n').reverse()) {
    if (!line.trimStart().startsWith('{')) continue;
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== 'object' || value === null || !('metrics' in value || 'stop' in value)) continue;
      const { metrics, stop } = value as { metrics?: unknown; stop?: unknown };
      const numbers = Object.entries(typeof metrics === 'object' && metrics !== null ? metrics : {}).filter(
        (entry): entry is [string, number] => METRIC_NAME.test(entry[0]) && Number.isFinite(entry[1]),
      );
      return { metrics: Object.fromEntries(numbers.slice(0, MOST_METRICS)), stop: stop === true };
    } catch {
      // The line is no JSON. An earlier one may be the answer.
    }
  }
  return NOTHING;
}
