/**
 * Kinds of notices, and the defaults where no settings file says otherwise. The module imports nothing, because
 * `attach` must load quickly.
 */

export const noticeKinds = [
  'download',
  'checkpoint',
  'best',
  'sample',
  'warning',
  'finished',
  'stopped',
  'failed',
] as const;

export type NoticeKind = (typeof noticeKinds)[number];

export const notifyDefaults = {
  bell: true,
  terminal: 'auto',
  title: true,
  progress: true,
  desktop: false,
  events: ['finished', 'failed'] as NoticeKind[],
} as const;

export const webDefaults = { events: ['finished', 'stopped', 'failed'] as NoticeKind[], pictures: false };
