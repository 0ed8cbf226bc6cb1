/**
 * Splits values of other trainers that hold several words: lists of `key=value`, calls as Python writes them, JSON.
 * Pure.
 */
import { plainName } from '../../spec/foreign.ts';
import type { ForeignPair } from './line.ts';

export const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** Words whose value is a list of `key=value`, or the text of such a list. */
export const ARGUMENTS: ReadonlySet<string> = new Set(['network_args', 'optimizer_args', 'lr_scheduler_args']);

export function argumentsOf(value: unknown): [string, unknown][] {
  const items = Array.isArray(value)
    ? value.map(String)
    : String(value ?? '').match(/[\w.]+\s*=\s*(?:"[^"]*"|\[[^\]]*\]|\([^)]*\)|[^\s"]+)/gu);
  return (items ?? []).flatMap((item): [string, unknown][] => {
    const [, key = '', text = ''] = /^\s*([\w.]+)\s*=\s*(.*)$/su.exec(item) ?? [];
    return key === '' ? [] : [[key, text.replace(/^"(.*)"$/su, '$1')]];
  });
}

/**
 * The optimiser and its arguments in a text such as `bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1,betas=(0.9,
 * 0.99))`.
 */
export function optimizerPairs(where: string, text: string): ForeignPair[] {
  const [, path = '', given = ''] = /^([^(]*)(?:\((.*)\))?$/su.exec(text) ?? [];
  const type = path.split('.').at(-1) ?? '';
  const inside = given.match(/\w+\s*=\s*(?:\([^)]*\)|\[[^\]]*\]|[^,]+)/gu) ?? [];
  return [
    { name: 'optimizer_type', value: type, where, group: '' },
    ...argumentsOf(inside).map(([key, value]) => ({
      ...{ name: plainName(key), value, where: `${where}.${key}`, group: 'optimizer_args' },
    })),
  ];
}

/**
 * A list of learning rates, one for each text encoder, as a single one where all are the same: `[5e-05]` → `5e-05`.
 */
export function oneRate(text: string): string {
  const rates = text.match(/[\d.eE+-]+/gu) ?? [];
  return new Set(rates).size === 1 && text.trimStart().startsWith('[') ? (rates[0] ?? text) : text;
}

export function argumentsOfJson(text: string): [string, unknown][] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isGroup(value) ? Object.entries(value) : value === null ? [] : undefined;
  } catch {
    return undefined;
  }
}
