/** The text that the wizard prints between questions, about the machine and about a folder. */

import { formatBytes, neutralise, plural } from '../base/text.ts';
import { repeatLines } from '../engine/dataset/report.ts';
import { arrangementLines } from '../engine/prepare/arrangement.ts';
import { hanging, wrap } from '../terminal/columns.ts';
import { spell } from '../terminal/signs.ts';
import type { Style } from '../terminal/style.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { FolderFacts, WizardFacts } from './questions/facts.ts';

/** Most problems that are shown by name; the others are counted. */
const SHOWN = 4;

export function machineLines({ machine }: WizardFacts, style: Style): Line[] {
  const { cards, cpuCores, memoryGb, diskFreeBytes } = machine;
  const lines = cards.map(
    ({ name, freeGb, totalGb }) => `  Card   ${name}, ${freeGb.toFixed(1)} of ${totalGb.toFixed(1)} GB free`,
  );
  if (cards.length === 0)
    lines.push(`  Card   none found: ${plural(cpuCores, 'CPU core')}, ${memoryGb.toFixed(0)} GB memory`);
  if (diskFreeBytes !== undefined) lines.push(`  Disk   ${formatBytes(diskFreeBytes)} free`);
  return [...lines.map((line) => style.dim(spell(line, style))), ''];
}

export function folderLines(folder: FolderFacts, style: Style, columns: number): Line[] {
  const { usable, images, captioned, folders, arranged, smallest, largest, problems } = folder;
  const used = usable === images ? plural(usable, 'picture') : `${usable} of ${plural(images, 'picture')}`;
  const words =
    captioned === 0 ? 'no captions' : captioned === usable ? 'all with captions' : `${captioned} with captions`;
  const found = `${used} will be used, ${words} · ${sizes(smallest, largest)}`;
  // The lines about the arrangement include the repeats in folder names.
  const repeats = arranged === undefined ? repeatLines(folders) : arrangementLines(arranged);
  const more = repeats.length > SHOWN ? [`and ${plural(repeats.length - SHOWN, 'more folder')}`] : [];
  const left = problems.slice(0, SHOWN).map((problem) => `! ${problem}`);
  if (problems.length > SHOWN) left.push(`! and ${problems.length - SHOWN} more`);
  const few = usable < 5 ? [`! ${plural(usable, 'picture')}: very few. 15 to 40 varied ones teach better.`] : [];
  const room = columns - 5;
  const wrapped = (line: string) => hanging(spell(neutralise(line), style), room).split('\n');
  return [
    '',
    ...wrap(spell(found, style), room).map((line) => `  ${line}`),
    ...[...repeats.slice(0, SHOWN), ...more].flatMap(wrapped).map((line) => `  ${line}`),
    ...[...left, ...few].flatMap(wrapped).map((line) => styled`  ${style.warn(line)}`),
    styled`  ${style.dim('Nothing in this folder is changed, moved or written.')}`,
    '',
  ];
}

function sizes(smallest: FolderFacts['smallest'], largest: FolderFacts['largest']): string {
  if (smallest === undefined || largest === undefined) return '';
  const [from, to] = [smallest, largest].map(([width, height]) => `${width}×${height}`);
  return from === to ? `all ${from}` : `${from} to ${to}`;
}
