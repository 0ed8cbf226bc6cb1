/** Formats a notice for the web services. Pure. */
import { hostname } from 'node:os';
import { shorten } from '../../base/text.ts';
import type { WebHook } from '../settings/notify.ts';
import type { Notice } from './compose.ts';

export interface WebMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface NoticeAttachment {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Most characters that Discord accepts in a message; Slack and ntfy accept more. */
const LONGEST = 2000;
const JSON_TYPE = { 'content-type': 'application/json' };

export const noticeTitle = ({ run }: Pick<Notice, 'run'>): string => `visiontrain: ${run}`;

/** The request for a web hook. `token` goes into the header that the service reads. */
export function webMessage(
  notice: Notice,
  hook: Pick<WebHook, 'format'>,
  { token, image }: { readonly token?: string | undefined; readonly image?: NoticeAttachment | undefined } = {},
): WebMessage {
  const bearer: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const line = shorten(`${notice.run} ${notice.text}`, LONGEST);
  switch (hook.format) {
    case 'discord': {
      // Without `allowed_mentions`, a run named @everyone would notify everybody in the channel.
      const json = JSON.stringify({ content: line, allowed_mentions: { parse: [] } });
      return image === undefined ? { headers: { ...JSON_TYPE, ...bearer }, body: json } : multipart(json, image);
    }
    case 'slack':
      return { headers: { ...JSON_TYPE, ...bearer }, body: JSON.stringify({ text: slackText(line) }) };
    case 'ntfy': {
      const ascii = noticeTitle(notice).replaceAll(/[^\x20-\x7e]/gu, '?');
      const headers = { title: ascii, priority: PRIORITY[notice.kind] ?? '3', tags: TAGS[notice.kind] ?? 'bell' };
      return { headers: { 'content-type': 'text/plain; charset=utf-8', ...headers, ...bearer }, body: line };
    }
    default: {
      const { kind, run, text, step, steps, loss, t } = notice;
      const body = JSON.stringify({ version: 1, kind, run, host: hostname(), text, step, steps, loss, t });
      return { headers: { ...JSON_TYPE, ...bearer }, body };
    }
  }
}

/** ntfy's priorities: 3 is usual, 4 makes a sound, 2 makes none. */
const PRIORITY: Partial<Record<Notice['kind'], string>> = { finished: '4', failed: '5', stopped: '4', checkpoint: '2' };
const TAGS: Partial<Record<Notice['kind'], string>> = {
  finished: 'white_check_mark',
  failed: 'x',
  stopped: 'stop_button',
  warning: 'warning',
  sample: 'framed_picture',
};

/** Slack reads these three signs as markup, and `<!channel>` as a notification of everybody. */
const slackText = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function multipart(json: string, { name, bytes }: NoticeAttachment): WebMessage {
  const boundary = `visiontrain-${Buffer.from(bytes.subarray(0, 12)).toString('hex')}-${bytes.length}`;
  const type = name.endsWith('.png') ? 'image/png' : 'application/octet-stream';
  const head = [
    `--${boundary}\r\ncontent-disposition: form-data; name="payload_json"\r\ncontent-type: application/json\r\n\r\n${json}\r\n`,
    `--${boundary}\r\ncontent-disposition: form-data; name="files[0]"; filename="sample.png"\r\ncontent-type: ${type}\r\n\r\n`,
  ].join('');
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
