/** The frame that the pages share: policy, style and script around a body that is ready. */
import { pageAssets } from './assets.ts';

/** Files of ours begin with it, so that a page may be replaced by a newer one, and nothing else is. */
export const PAGE_MARK = '<!doctype html><html lang="en" data-visiontrain="report">';

export interface PageParts {
  /** The element `title`, escaped. */
  readonly title: string;
  readonly body: string;
  /** Whether the page asks its server for news. */
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

/** JSON that may stand in a page: no `<` ends the element that holds it. */
export const embeddedJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
