/** Extracts the prompt from the text that A1111 and similar programs write into their images. Pure. */

/** Matches the settings of a generated image, before which its prompt ends. */
const BEHIND = /(?:^|\n)\s*(?:Negative prompt:|Steps: \d)/u;
/** Networks that are loaded by a mark in the prompt. */
const NETWORK = /<(?:lora|lyco|hypernet|lbw):[^<>]{0,200}>/giu;
/** Keywords that split a prompt and are no words of it. */
const PARTING = /(?<![^\s,])(?:BREAK|AND)(?![^\s,])/gu;
/** Deepest nesting of brackets: no prompt that a person wrote has more. */
const MOST_DEPTH = 20;

/** Whether a text is what such a program writes: prompt, negative prompt and settings. */
export const isParameters = (text: string): boolean => BEHIND.test(text);

/**
 * The prompt without its syntax: no negative prompt, settings, networks or weights, because a caption is trained
 * exactly as it is written. `[a:b:0.5]` and `[a|b]`, which draw one text after the other, become the first text that
 * is not empty.
 */
export function promptWords(parameters: string): string {
  const end = BEHIND.exec(parameters)?.index ?? parameters.length;
  let text = parameters.slice(0, end).replaceAll(NETWORK, ' ').replaceAll(PARTING, ',');
  // Escaped brackets are hidden here and put back at the end.
  text = text.replaceAll(/\\([()[\]])/gu, (_, sign: string) => HIDDEN['()[]'.indexOf(sign)] ?? '');
  for (let depth = 0; depth < MOST_DEPTH; depth += 1) {
    const before = text;
    text = text
      .replaceAll(/\(([^()[\]]*)\)/gu, (_, inner: string) => inner.replace(/:\s*-?[\d.]+\s*$/u, ''))
      .replaceAll(/\[([^()[\]]*)\]/gu, (_, inner: string) => firstOf(inner));
    if (text === before) break;
  }
  text = text.replaceAll(/[()[\]]/gu, '').replaceAll(/[\ue000-\ue003]/gu, (sign) => '()[]'[HIDDEN.indexOf(sign)] ?? '');
  return text
    .split(',')
    .map((part) => part.replaceAll(/\s+/gu, ' ').trim())
    .filter((part) => part !== '')
    .join(', ');
}

const HIDDEN = '\ue000\ue001\ue002\ue003';

function firstOf(inner: string): string {
  const parts = inner.split(/[:|]/u).map((part) => part.trim());
  return parts.find((part) => part !== '' && !/^[\d.]+$/u.test(part)) ?? '';
}
