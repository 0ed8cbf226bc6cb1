/**
 * Reads lines of events.jsonl in version 1 of the format, which had other names. Runs outlive the program that wrote
 * them, so each line gets today's names before it is checked. Pure, except that it changes the given line.
 */

/** Version of today's names. It is the same number as EVENTS_VERSION, without loading zod. */
const NOW = 2;

/** Names of the payload that changed: type of the event → old name → new name. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  probe: { pictures: 'images' },
  step: { pictures_per_second: 'images_per_second' },
  validation: { pictures: 'images' },
  image_losses: { pictures: 'images' },
  learnt: { moved: 'weight_change' },
};

/** Values that changed: type of the event → key → old value → new value. */
const REPLACED: Readonly<Record<string, readonly [key: string, old: string, now: string]>> = {
  progress: ['unit', 'pictures', 'images'],
  learnt: ['verdict', 'learnt', 'learned'],
};

/** The line with today's names, as version 2. A line of version 1 is changed in place. */
export function withNamesOfToday(line: unknown): unknown {
  if (typeof line !== 'object' || line === null) return line;
  const event = line as Record<string, unknown>;
  if (event.v !== 1) return line;
  const type = String(event.type);
  const renamed = Object.hasOwn(RENAMED, type) ? RENAMED[type] : undefined;
  for (const [old, now] of Object.entries(renamed ?? {}))
    if (Object.hasOwn(event, old)) {
      event[now] = event[old];
      delete event[old];
    }
  const replaced = Object.hasOwn(REPLACED, type) ? REPLACED[type] : undefined;
  if (replaced !== undefined && event[replaced[0]] === replaced[1]) event[replaced[0]] = replaced[2];
  if (type === 'learnt') event.type = 'learned';
  event.v = NOW;
  return event;
}
