/** The key `notify` of a person's own settings: how that person is notified about a run. */
import { z } from 'zod';
import { noticeKinds, notifyDefaults, webDefaults } from './notify-defaults.ts';

const kinds = z.array(z.enum(noticeKinds));
const variable = z.string().regex(/^[A-Za-z_]\w*$/, 'is no name of a variable of the environment');

const webHook = z
  .strictObject({
    format: z.enum(['discord', 'slack', 'ntfy', 'json']),
    url_env: variable,
    token_env: variable.optional(),
    events: kinds.default(webDefaults.events),
    pictures: z.boolean().default(webDefaults.pictures),
  })
  .refine(({ format, pictures }) => !pictures || format === 'discord', {
    path: ['pictures'],
    message: 'only Discord takes pictures',
  });

export type WebHook = z.infer<typeof webHook>;

export const notifySchema = z.strictObject({
  bell: z.boolean().default(notifyDefaults.bell),
  terminal: z.enum(['off', 'auto', 'osc9', 'osc777', 'osc99']).default(notifyDefaults.terminal),
  title: z.boolean().default(notifyDefaults.title),
  progress: z.boolean().default(notifyDefaults.progress),
  desktop: z.boolean().default(notifyDefaults.desktop),
  events: kinds.default(notifyDefaults.events),
  web: z.array(webHook).max(16).default([]),
});

export type NotifySettings = z.infer<typeof notifySchema>;
