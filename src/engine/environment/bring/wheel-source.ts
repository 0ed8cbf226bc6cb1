/** Finds a package's file among the person's own sources: a folder of wheels, or an index like PyPI. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../../download/http/client.ts';

export interface WheelSources {
  /** Folders and addresses that hold wheels side by side, like pip's find-links. */
  readonly links: readonly string[];
  /** Addresses of indexes, the first one asked first. */
  readonly indexes: readonly string[];
}

export type FoundWheel =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/** Most bytes of an index page that are read: uv's page lists some thousand files. */
const MOST_PAGE = 32 << 20;
/** Media types of PEP 691, and of PEP 503's HTML page for older indexes. */
const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/** Settings of the requests, and the signal that ends them. */
export interface Asking {
  readonly client: Client;
  readonly signal: AbortSignal;
}

/**
 * All places that have a file of this name, folders first. An index that does not answer is skipped.
 * @throws the signal's reason
 */
export async function findWheel(
  project: string,
  file: string,
  { links, indexes }: WheelSources,
  asking: Asking,
): Promise<readonly FoundWheel[]> {
  const local = [...links, ...indexes.map((index) => join(localPath(index) ?? '', project))].flatMap((place) => {
    const folder = localPath(place);
    const path = folder === undefined ? undefined : join(folder, file);
    return path !== undefined && existsSync(path) ? [{ kind: 'file', path } as const] : [];
  });
  const pages = [
    ...links.filter((place) => localPath(place) === undefined),
    ...indexes
      .filter((index) => localPath(index) === undefined)
      .map((index) => `${index.replace(/\/+$/, '')}/${project}/`),
  ];
  const answers = await Promise.all(pages.map((page) => onPage(page, file, asking)));
  return [...local, ...answers.flatMap((url) => (url === undefined ? [] : [{ kind: 'url', url } as const]))];
}

/** The folder of a source; undefined for an address on the network. */
function localPath(place: string): string | undefined {
  if (/^https?:/iu.test(place)) return undefined;
  return /^file:/iu.test(place) && URL.canParse(place) ? fileURLToPath(place) : place;
}

async function onPage(page: string, file: string, { client, signal }: Asking): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let base = page;
  try {
    await client.send(
      { method: 'GET', url: page, token: undefined, headers: { accept: ACCEPT }, signal },
      {
        onHead: ({ status, url }) => {
          if (status !== 200) throw new Error(`answer ${status}`);
          base = url;
        },
        onData: (chunk) => {
          parts.push(Buffer.from(chunk));
          bytes += chunk.length;
          return bytes < MOST_PAGE;
        },
      },
    );
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return linkOf(Buffer.concat(parts).toString('utf8'), file, base);
}

/** The address of a file on a page of an index, in JSON or HTML, without its hash; undefined when it is not listed. */
export function linkOf(text: string, file: string, page: string): string | undefined {
  for (const link of linksOf(text)) {
    if (!URL.canParse(link, page)) continue;
    const url = new URL(link, page);
    url.hash = '';
    if (/^https?:$/u.test(url.protocol) && lastName(url.pathname) === file) return url.href;
  }
  return undefined;
}

function lastName(path: string): string {
  const name = path.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function linksOf(text: string): readonly string[] {
  try {
    const { files } = JSON.parse(text) as { readonly files?: readonly { readonly url?: unknown }[] };
    return (files ?? []).flatMap(({ url }) => (typeof url === 'string' ? [url] : []));
  } catch {
    return [...text.matchAll(/href\s*=\s*["']([^"']+)["']/giu)].map(([, link = '']) => link.replaceAll('&amp;', '&'));
  }
}
