/** Looks at the first things a server sends, so that gigabytes of a wrong answer are not fetched. */
import { SAFETENSORS_HEADER_MOST } from '../../base/files/safetensors-limit.ts';
import { shorten } from '../../base/text.ts';
import { isFileSize } from '../file/pieces.ts';
import { Fault } from './fault.ts';

/**
 * Refuses an answer whose headers cannot belong to the file.
 * @throws Fault
 */
export function checkHeaders(headers: Readonly<Record<string, string | undefined>>, host: string): void {
  const type = headers['content-type'] ?? '';
  if (/^text\/html\b/i.test(type))
    throw new Fault('page', `${host} sent a web page instead of the file (often a login or an error page)`);
  if (/^multipart\//i.test(type)) throw new Fault('range', `${host} sent several ranges at once`);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== '' && encoding.toLowerCase() !== 'identity')
    throw new Fault('encoded', `${host} sent the file compressed (${shorten(encoding, 40)}) although asked not to`);
}

/**
 * Size of a file in bytes, above 0, as a header has it.
 * @throws Fault for a text that is no such number
 */
export function claimedSize(text: string, host: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (isFileSize(bytes) && bytes > 0) return bytes;
  throw new Fault('page', `${host} says that the file has "${shorten(text, 40)}" bytes, which none has`);
}

/**
 * Refuses first bytes that show a common mistake, such as a web page. `position` is the bytes' offset in the file;
 * `name` is the name of the file, from which its format follows.
 * @throws Fault
 */
export function checkFirstBytes(bytes: Buffer, position: number, name: string, host: string): void {
  const start = bytes.subarray(0, 200).toString('latin1').trimStart().toLowerCase();
  if (start.startsWith('version https://git-lfs'))
    throw new Fault('page', `${host} sent a Git LFS pointer instead of the file`);
  if (/^<(!doctype|html|\?xml|head|script)/.test(start))
    throw new Fault('page', `${host} sent a web page instead of the file (often a login or an error page)`);
  if (position > 0 || !name.endsWith('.safetensors')) return;
  if (start.startsWith('{"error')) throw new Fault('page', `${host} sent an error message instead of the file`);
  if (bytes.length < 9) return;
  const header = bytes.readBigUInt64LE(0);
  if (header > SAFETENSORS_HEADER_MOST || bytes[8] !== 0x7b)
    throw new Fault('page', `${host} sent something that is no safetensors file`);
}
