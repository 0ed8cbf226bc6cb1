/** Settings of downloads: the defaults, the environment, and the options of a command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOn } from '../../base/env-flag.ts';
import { UsageError } from '../../base/errors.ts';
import { homeFolder } from '../../base/home.ts';
import { shownAddress } from './secrets.ts';

export interface DownloadSettings {
  readonly offline: boolean;
  /**
   * Connections for a file: the number at the start, and the largest number that may be used when more are measurably
   * faster.
   */
  readonly connections: { readonly first: number; readonly most: number };
  /** Bytes per second over all connections; null for no limit. */
  readonly limit: number | null;
  /** Seconds until a connection must be open. */
  readonly connectTimeout: number;
  /** Seconds without a byte, before or inside the body, after which a connection counts as stalled. */
  readonly stallTimeout: number;
  /** A connection with fewer bytes per second than this over a whole stall timeout counts as stalled too. */
  readonly leastRate: number;
  /** Seconds for a whole file; null for no limit. */
  readonly totalTimeout: number | null;
  /** Most tries in a row at one source without progress. */
  readonly tries: number;
  /** Seconds of the first back-off, and (below) the longest wait that a server may ask for. */
  readonly backOffUnit: number;
  readonly longestWait: number;
  /** Address of the hub, without a trailing slash. */
  readonly hub: string;
  readonly civitai: string;
  readonly hubToken: string | undefined;
  readonly civitaiToken: string | undefined;
  /** Variables that may be sent to servers as tokens, see token-hosts.ts. */
  readonly tokenHosts: readonly string[];
  /** Seconds between progress reports. */
  readonly reportEvery: number;
}

export type SettingsOverrides = Partial<DownloadSettings>;

/**
 * Settings from the environment, then those that the caller overrides.
 * @throws UsageError when a variable is not a number or an address as it must be
 */
export function downloadSettings(env: NodeJS.ProcessEnv, overrides: SettingsOverrides = {}): DownloadSettings {
  const number = (name: string, fallback: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (!Number.isFinite(value) || value < 0)
      throw new UsageError(`${name} must be a number, not ${JSON.stringify(text)}.`, {
        id: 'download/setting',
        nextSteps: [`export ${name}=${fallback}`, `or as usual:  unset ${name}`],
      });
    return value;
  };
  const most = Math.max(1, Math.round(number('VISIONTRAIN_CONNECTIONS', 4)));
  const total = number('VISIONTRAIN_DOWNLOAD_TIMEOUT', 0);
  return {
    offline: isOn(env.VISIONTRAIN_OFFLINE) || isOn(env.HF_HUB_OFFLINE),
    connections: { first: 1, most },
    limit: env.VISIONTRAIN_LIMIT_RATE ? parseRate(env.VISIONTRAIN_LIMIT_RATE) : null,
    connectTimeout: number('VISIONTRAIN_CONNECT_TIMEOUT', 15),
    stallTimeout: number('VISIONTRAIN_STALL_TIMEOUT', 30),
    leastRate: 1024,
    totalTimeout: total === 0 ? null : total,
    tries: number('VISIONTRAIN_DOWNLOAD_TRIES', 8),
    backOffUnit: number('VISIONTRAIN_BACK_OFF', 0.5),
    longestWait: 300,
    hub: hubAddress(env.HF_ENDPOINT),
    civitai: 'https://civitai.com',
    hubToken: env.HF_TOKEN?.trim() || hubTokenFile(env),
    civitaiToken: env.CIVITAI_TOKEN?.trim() || undefined,
    tokenHosts: [],
    reportEvery: 0.25,
    ...overrides,
  };
}

function hubAddress(endpoint: string | undefined): string {
  const address = (endpoint || 'https://huggingface.co').replace(/\/+$/, '');
  if (!URL.canParse(address) || !/^https?:\/\//i.test(address) || /[?#]/.test(address))
    throw new UsageError(`HF_ENDPOINT must be an address, not ${JSON.stringify(shownAddress(endpoint ?? ''))}.`, {
      id: 'download/setting',
      nextSteps: ['It looks like: export HF_ENDPOINT=https://mirror.example'],
    });
  return address;
}

/**
 * Reads `500k`, `5M`, `5MB`, `1.5G` or a plain number as bytes per second, in decimal units.
 * @throws UsageError
 */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)b?(?:\/s)?$/i.exec(text.trim());
  const scale = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[(match?.[2] ?? '').toLowerCase()] ?? Number.NaN;
  const value = Number(match?.[1]) * scale;
  if (!Number.isFinite(value) || value <= 0)
    throw new UsageError(`A rate looks like 500k, 5M or 1.5G (bytes per second), not ${JSON.stringify(text)}.`, {
      id: 'download/setting',
    });
  return value;
}

/** Folder where a Hugging Face cache keeps its repositories; undefined for a user without a home. */
export function hubCacheDir(env: NodeJS.ProcessEnv): string | undefined {
  return env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || below(hubHome(env), 'hub');
}

function hubHome(env: NodeJS.ProcessEnv): string | undefined {
  return env.HF_HOME || below(env.XDG_CACHE_HOME || below(homeFolder(env), '.cache'), 'huggingface');
}

const below = (folder: string | undefined, name: string) => (folder === undefined ? undefined : join(folder, name));

function hubTokenFile(env: NodeJS.ProcessEnv): string | undefined {
  const file = env.HF_TOKEN_PATH || below(hubHome(env), 'token');
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
