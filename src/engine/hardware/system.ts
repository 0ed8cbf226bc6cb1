/**
 * The parts of the machine that are examined: files of the system and the tools of the card drivers. Tests pass
 * recorded machines instead.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { askTool, type ToolAnswer } from './ask-tool.ts';

export type Access = 'open' | 'denied' | 'missing';

export interface System {
  readonly platform: NodeJS.Platform;
  /** Architecture in Node's words: `x64`, `arm64`. */
  readonly arch: string;
  /** Text of a file; undefined when it is missing or may not be read. */
  readonly read: (path: string) => string | undefined;
  /** Names in a folder; empty when it is missing. */
  readonly list: (path: string) => readonly string[];
  /** Whether this user may read and write a device. */
  readonly access: (path: string) => Access;
  /** Size and time of a file, to notice that it was replaced; undefined when it is missing. */
  readonly identity: (path: string) => string | undefined;
  readonly tool: (name: string, args: readonly string[], input?: string) => Promise<ToolAnswer>;
}

export function thisSystem(env: NodeJS.ProcessEnv): System {
  return {
    platform: process.platform,
    arch: process.arch,
    read: (path) => quietly(() => readFileSync(path, 'utf8')),
    list: (path) => quietly(() => readdirSync(path)) ?? [],
    access(path) {
      if (!existsSync(path)) return 'missing';
      return quietly(() => accessSync(path, constants.R_OK | constants.W_OK) ?? 'open') ?? 'denied';
    },
    identity: (path) =>
      quietly(() => {
        const { size, mtimeMs } = statSync(path);
        return `${size}-${Math.round(mtimeMs)}`;
      }),
    tool: (name, args, input) => askTool({ name, args, env, ...(input === undefined ? {} : { input }) }),
  };
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
