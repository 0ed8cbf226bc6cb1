/**
 * Makes the contact sheet: one HTML file with thumbnails, crops, captions and findings that opens in any browser
 * without a network. Pure. All text from the data set is escaped, and the page's content policy allows nothing to be
 * loaded or run except its own style and script.
 */
import { policyHash } from '../../base/files/hash.ts';
import { plural } from '../../base/text.ts';
import type { Crop, Crops } from './crops.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';
import { SHEET_SCRIPT, SHEET_STYLE } from './sheet-assets.ts';
import { keptPart } from './size-findings.ts';

export interface SheetInput {
  /** Name of the folder, for the title. */
  readonly name: string;
  readonly images: readonly CheckImage[];
  readonly findings: readonly DatasetFinding[];
  readonly leftOut: readonly { readonly path: string; readonly problem: string }[];
  /** The thumbnail of an image as WebP; undefined where there is none. */
  readonly thumbnail: (sha256: string) => Uint8Array | undefined;
  /** Where crops lie that are not in the middle, by the path of their image. */
  readonly crops?: Crops | undefined;
  /** A thumbnail of the mask that was made for an image, as WebP; undefined where there is none. */
  readonly mask?: ((sha256: string) => Uint8Array | undefined) | undefined;
}

/**
 * Most images on a sheet: with thumbnails of about 12 kB, 2,000 make 30 MB, which browsers open within seconds. If
 * there are more, images with findings come first.
 */
const MOST_ON_SHEET = 2_000;

/** Marks a sheet of ours among other files: it may be replaced by a newer one. */
export const SHEET_MARK = '<meta name="generator" content="visiontrain contact sheet">';

/**
 * Makes text harmless in HTML, in elements and in quoted attributes. Control and direction characters are shown as
 * U+FFFD.
 */
const escapeHtml = (text: string): string =>
  text
    .replaceAll(/(?![\t\n\r\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/** The sheet in pieces, so that it is never in memory as a whole. */
export function* contactSheet(input: SheetInput): Generator<string> {
  const { name, images, findings, leftOut } = input;
  const details = detailsOf(findings);
  const shown = chosen(images, details);
  const policy = `default-src 'none'; img-src data:; style-src ${policyHash(SHEET_STYLE)}; script-src ${policyHash(SHEET_SCRIPT)}; base-uri 'none'; form-action 'none'`;
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${SHEET_MARK}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)}: contact sheet</title>
<style>${SHEET_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(name)}</h1>
<p>${plural(images.length, 'picture')}${shown.length < images.length ? `, ${shown.length} shown: those with findings first` : ''}${leftOut.length > 0 ? `, ${leftOut.length} left out` : ''}.
The frame shows what the crop keeps. <kbd>←</kbd> <kbd>→</kbd> move, <kbd>n</kbd> next with a finding, <kbd>f</kbd> only those with findings, <kbd>c</kbd> crop on and off${input.mask === undefined ? '' : ', <kbd>m</kbd> masks on and off: what is dark is not learned'}.</p>
</header>
<main>
`;
  yield findingsPart(findings);
  yield '<section aria-label="Pictures" class="grid" id="grid">\n';
  for (const [index, image] of shown.entries()) yield card(image, index, details.get(image.path) ?? [], input);
  yield '</section>\n';
  yield leftOutPart(leftOut);
  yield `</main>
<script>${SHEET_SCRIPT}</script>
</body>
</html>
`;
}

interface Detail {
  readonly level: DatasetFinding['level'];
  readonly text: string;
}

function detailsOf(findings: readonly DatasetFinding[]): ReadonlyMap<string, readonly Detail[]> {
  const found = new Map<string, Detail[]>();
  for (const { level, items } of findings)
    for (const { path, detail } of items) {
      const known = found.get(path);
      if (known === undefined) found.set(path, [{ level, text: detail }]);
      else known.push({ level, text: detail });
    }
  return found;
}

function chosen(images: readonly CheckImage[], details: ReadonlyMap<string, readonly Detail[]>): readonly CheckImage[] {
  if (images.length <= MOST_ON_SHEET) return images;
  const odd = images.filter(({ path }) => details.has(path));
  const plain = images.filter(({ path }) => !details.has(path));
  return [...odd, ...plain].slice(0, MOST_ON_SHEET);
}

function findingsPart(findings: readonly DatasetFinding[]): string {
  if (findings.length === 0) return '<section aria-label="Findings"><p>Nothing odd was found.</p></section>\n';
  const one = ({ level, what, done, change, items }: DatasetFinding) =>
    `<details class="${level}"><summary><b>${level === 'warn' ? '!' : '-'}</b> ${escapeHtml(what)}</summary>
<p>${escapeHtml(done)} ${escapeHtml(change)}</p>
<ul>${items.map(({ path, detail }) => `<li><code>${escapeHtml(path)}</code> ${escapeHtml(detail)}</li>`).join('')}</ul></details>\n`;
  return `<section aria-label="Findings">\n${findings.map(one).join('')}</section>\n`;
}

function card(
  image: CheckImage,
  index: number,
  details: readonly Detail[],
  { thumbnail, mask, crops }: SheetInput,
): string {
  const { path, sha256, size, bucket, caption, own, uses, held } = image;
  const bytes = thumbnail(sha256);
  const thumb =
    bytes === undefined
      ? '<p class="none">not looked at</p>'
      : `${picture(bytes)}${picture(mask?.(sha256), ' class="mask"')}${frame(image, crops?.get(path))}`;
  const worst = details.some(({ level }) => level === 'warn') ? 'warn' : details.length > 0 ? 'info' : 'plain';
  const facts = `${size.join('×')} → ${bucket.join('×')}${held === true ? ' · only measured on' : uses === 1 ? '' : ` · ${uses} uses`}`;
  return `<figure class="${worst}" tabindex="${index === 0 ? 0 : -1}">
<div>${thumb}</div>
<figcaption><code>${escapeHtml(path)}</code><small>${facts}</small>
${details.map(({ level, text }) => `<em class="${level}">${escapeHtml(text)}</em>`).join('')}
<q${own === null ? ' class="none"' : ''}>${escapeHtml(caption === '' ? 'no caption' : caption)}</q></figcaption>
</figure>
`;
}

const picture = (bytes: Uint8Array | undefined, attributes = '') =>
  bytes === undefined
    ? ''
    : `<img${attributes} loading="lazy" decoding="async" alt="" src="data:image/webp;base64,${Buffer.from(bytes).toString('base64')}">`;

/**
 * The part that the crop keeps, as an SVG over the thumbnail: shapes take their position from attributes, without any
 * style.
 */
function frame(image: CheckImage, crop: Crop | undefined): string {
  const [wide, high] = keptPart(image);
  if (wide > 0.995 && high > 0.995) return '';
  const at = (share: number) => (share * 100).toFixed(2);
  const [x, y] = [at(crop?.left ?? (1 - wide) / 2), at(crop?.top ?? (1 - high) / 2)];
  const [w, h] = [at(wide), at(high)];
  return `<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path class="cut" fill-rule="evenodd" d="M0 0H100V100H0Z M${x} ${y}h${w}v${h}h-${w}z"/><rect x="${x}" y="${y}" width="${w}" height="${h}"/></svg>`;
}

function leftOutPart(leftOut: SheetInput['leftOut']): string {
  if (leftOut.length === 0) return '';
  const items = leftOut.map(({ path, problem }) => `<li><code>${escapeHtml(path)}</code> ${escapeHtml(problem)}</li>`);
  return `<section aria-label="Left out"><details><summary>Left out: ${leftOut.length}</summary><ul>${items.join('')}</ul></details></section>\n`;
}
