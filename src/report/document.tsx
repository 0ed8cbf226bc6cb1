/** What all pages share: policy, style and script around a finished body, and the header and footer in it. */
import type { ReactNode } from 'react';
import { packageVersion } from '../base/package-root.ts';
import { formatWhen } from '../base/when.ts';
import { PAGE_MARK, pageAssets } from './assets.ts';

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

interface HeaderProps {
  readonly title: string;
  /** What the page is, as in `Parts of the report`. */
  readonly what: string;
  /** Id and text of the sections that links lead to; none on a page without links. */
  readonly links?: readonly (readonly [id: string, text: string])[];
}

export function PageHeader({ title, what, links = [] }: HeaderProps) {
  return (
    <>
      <a className="skip" href="#main">
        {`Skip to the ${what}`}
      </a>
      <header className="top">
        <h1>{title}</h1>
        {links.length === 0 ? null : (
          <nav aria-label={`Parts of the ${what}`}>
            {links.map(([id, text]) => (
              <a key={id} href={`#${id}`}>
                {text}
              </a>
            ))}
          </nav>
        )}
        <button type="button" className="theme" data-theme-switch="" aria-label="Light or dark">
          <span aria-hidden="true">◐</span>
        </button>
      </header>
    </>
  );
}

/** The footer. `now` is the date of the page, which null leaves out. */
export function PageFooter({ now = null }: { readonly now?: Date | null }) {
  const when = now === null ? '' : `, ${formatWhen(now.getTime() / 1000, now)}`;
  return (
    <footer>{`Made by visiontrain ${packageVersion()}${when}. This page holds all it shows and asks nothing of the network.`}</footer>
  );
}

/** The values of the curves, for the script of the page. */
export function CurvesData({ value }: { readonly value: unknown }) {
  return (
    <script
      type="application/json"
      id="curves-data"
      // biome-ignore lint/security/noDangerouslySetInnerHtml: every `<` is escaped
      dangerouslySetInnerHTML={{ __html: embeddedJson(value) }}
    />
  );
}

/** A table that can be scrolled sideways. The columns after the first two are numbers. */
export function NumberTable({ heads, children }: { readonly heads: readonly string[]; readonly children: ReactNode }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            {heads.map((head, i) => (
              <th scope="col" key={head} className={i < 2 ? undefined : 'number'}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** JSON that can be embedded in a page: it has no `<`, which could end the element around it. */
const embeddedJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
