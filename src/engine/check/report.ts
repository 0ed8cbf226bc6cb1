/** Findings as lines for people. Pure. File names in them are not yet made safe for a terminal. */
import type { Checked } from './check.ts';
import type { DatasetFinding } from './finding.ts';

/** Most images that are named for each finding. */
const NAMED = 5;

export function findingLines({ findings, unseen, reason }: Checked): readonly string[] {
  const lines = findings.flatMap((finding) => linesOf(finding));
  if (unseen > 0)
    lines.push(`  The pixels of ${unseen} were not looked at${reason === undefined ? '' : `: ${reason}`}.`);
  if (lines.length === 0) return ['', '  Nothing odd was found in pixels, sizes and captions.'];
  return ['', ...lines];
}

function linesOf({ level, what, items, done, change }: DatasetFinding): readonly string[] {
  const more = items.length - NAMED;
  return [
    `  ${level === 'warn' ? '!' : '-'} ${what}`,
    ...items.slice(0, NAMED).map(({ path, detail }) => `      ${path} ${detail}`),
    ...(more > 0 ? [`      and ${more} more (--json and --html have all)`] : []),
    `    ${done} ${change}`,
  ];
}

/** Each warning as one sentence, for places with little room: a plan, the wizard. */
export function warningsOf(findings: readonly DatasetFinding[]): readonly string[] {
  return findings
    .filter(({ level }) => level === 'warn')
    .map(({ what, items }) => {
      const [first] = items;
      return `${what.replace(/\.$/u, '')}${first === undefined ? '' : ` (${first.path} ${first.detail}${items.length > 1 ? ' …' : ''})`}`;
    });
}
