/** Names of settings and of the files that hold them. */

export const settingNames = ['workspace'] as const;

export type SettingName = (typeof settingNames)[number];

export type SettingValues = Partial<Record<SettingName, string>>;

export const settingFiles = ['.visiontrainrc', '.visiontrainrc.yaml', '.visiontrainrc.yml', '.visiontrainrc.json'];
