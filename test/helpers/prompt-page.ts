/** The lines of a prompt when it opens, as the terminal shows them. The prompt is the real one, over Inquirer. */
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

/** The part of a prompt that this module uses. */
type Prompt<Config> = (config: Config, context: object) => Promise<unknown>;

/** Number of turns of the event loop in which a prompt looks up its suggestions. */
const TURNS = 20;

/** Opens a prompt on a terminal of `columns` cells, types the keys, and returns its lines. */
export async function pageOf<Config>(
  prompt: Prompt<Config>,
  config: Config,
  columns: number,
  keys = '',
): Promise<string[]> {
  let last = '';
  const output = Object.assign(
    new Writable({
      write(chunk, _encoding, next) {
        const text = stripVTControlCharacters(String(chunk));
        // Inquirer draws a page in one write; other writes only move the cursor.
        if (text.trim() !== '') last = text;
        next();
      },
    }),
    { columns },
  );
  const left = new AbortController();
  const input = new PassThrough();
  const reply = prompt(config, { input, output, signal: left.signal }).catch(() => undefined);
  for (let i = 0; i < TURNS; i += 1) await turn();
  if (keys !== '') {
    input.write(keys);
    for (let i = 0; i < TURNS; i += 1) await turn();
  }
  left.abort();
  const page = last;
  await reply;
  return page.replaceAll('\r', '').split('\n');
}
