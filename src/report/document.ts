/** The frame that all pages share: policy, style and script around a finished body. */
import { pageAssets } from './assets.ts';

/** Beginning of our own pages. A file with it may be replaced by a newer page, other files may not. */
export const PAGE_MARK = '<!doctype html><html lang="en" data-visiontrain="report">';

export interface PageParts {
  /** The text of the element `title`, already escaped. */
  readonly title: string;
  readonly body: string;
  /** Whether the page requests updates from its server. */
  readonly live: boolean;
}

export function pageDocument({ title, body, live }: PageParts): string {
  const { style, script, policy } = pageAssets(live);
  return [
    PAGE_MARK,
    '<head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">',
    `${title}<style>${style}</style></head>`,
    `<body${live ? ' data-live="events"' : ''}>${body}`,
    `<script>${script}</script></body></html>\n`,
  ].join('\n');
}

/** JSON that can be embedded in a page: it has no `<`, which could end the element around it. */
export const embeddedJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
