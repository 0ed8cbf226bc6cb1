/** What a person can be told of, and what counts where no settings file says anything. It imports nothing, as `attach` needs it. */

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
