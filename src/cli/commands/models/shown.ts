/**
 * Prepares entries for display: an address that was typed by hand, or written by an earlier version, may contain a
 * login.
 */
import { shownAddress } from '../../../download/http/secrets.ts';
import type { AnyEntry } from '../../../registry/catalogue/schema.ts';

export const shownLicense = ({ license }: AnyEntry): AnyEntry['license'] => ({
  ...license,
  url: shownAddress(license.url),
});

export function shownEntry(entry: AnyEntry): AnyEntry {
  const files = entry.files.map((file) => ({
    ...file,
    sources: file.sources.map((source) =>
      source.kind === 'url' ? { ...source, url: shownAddress(source.url) } : source,
    ),
  }));
  return { ...entry, files, license: shownLicense(entry) };
}
