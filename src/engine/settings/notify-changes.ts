/** What a person changes about the way of being told, as values. Pure. */
import type { NotifySettings, WebHook } from './notify.ts';
import { webDefaults } from './notify-defaults.ts';

/** Changes of the key `notify`; what is absent stays as it is. */
export type NotifyChanges = Partial<Pick<NotifySettings, 'bell' | 'terminal' | 'desktop' | 'events'>> & {
  /**
   * By format, the name of the variable that holds the address of its first web hook; null takes that hook out. Others
   * of the same format stay.
   */
  readonly web?: Readonly<Partial<Record<WebHook['format'], string | null>>>;
};

/** The settings after the changes. */
export function changedNotify(settings: NotifySettings, { web = {}, ...plain }: NotifyChanges): NotifySettings {
  let hooks: readonly WebHook[] = settings.web;
  for (const [format, variable] of Object.entries(web) as [WebHook['format'], string | null][]) {
    const at = hooks.findIndex((hook) => hook.format === format);
    if (at === -1) hooks = variable === null ? hooks : [...hooks, { format, url_env: variable, ...webDefaults }];
    else if (variable === null) hooks = hooks.toSpliced(at, 1);
    else hooks = hooks.map((hook, i) => (i === at ? { ...hook, url_env: variable } : hook));
  }
  return { ...settings, ...plain, web: [...hooks] };
}
