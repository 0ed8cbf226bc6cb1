/** First bytes of every page; its style and script, which the build puts into dist/; a policy that allows nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { policyHash } from '../base/files/hash.ts';
import { packageRoot } from '../base/package-root.ts';

/** Beginning of our own pages. A file with it may be replaced by a newer page, other files may not. */
export const PAGE_MARK = '<!doctype html><html lang="en" data-visiontrain="report">';

export interface PageAssets {
  readonly style: string;
  readonly script: string;
  /** Content-Security-Policy: only this style and this script, images from the page itself, and no network. */
  readonly policy: string;
}

/**
 * Reads the assets.
 * @param live whether the page may request updates from its server
 */
export function pageAssets(live: boolean): PageAssets {
  const read = (name: string) => readFileSync(join(packageRoot(), 'dist', name), 'utf8');
  const style = read('report.css');
  const script = read('report.js');
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src ${policyHash(style)}`,
    `script-src ${policyHash(script)}`,
    `connect-src ${live ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return { style, script, policy };
}
