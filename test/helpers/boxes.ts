import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolAnswer } from '../../src/engine/hardware/ask-tool.ts';
import type { System } from '../../src/engine/hardware/system.ts';

interface ToolText {
  readonly out?: string;
  readonly fails?: string;
  readonly hangs?: true;
}

/** A machine as `test/fixtures/boxes/make.py` writes it. */
export interface Box {
  readonly name: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly denied: readonly string[];
  readonly tools: Readonly<Record<string, ToolText>>;
  readonly expect: {
    readonly build?: string;
    readonly notes?: readonly string[];
    readonly cards?: number;
    readonly bytes?: number;
    readonly stop?: string;
    readonly do?: string;
  };
}

export const boxes = (): readonly Box[] =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/boxes/boxes.json'), 'utf8')) as Box[];

/** The machine as the program asks it. `asked` collects the tools that were started. */
export function systemOf(box: Box, asked: string[] = []): System {
  const names = (folder: string) =>
    Object.keys(box.files).flatMap((path) =>
      path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split('/')[0] ?? ''] : [],
    );
  return {
    platform: box.platform,
    arch: box.arch,
    read: (path) => box.files[path],
    list: (path) => [...new Set(names(path))],
    access: (path) =>
      box.denied.includes(path) ? 'denied' : path in box.files || path === '/dev/nvidiactl' ? 'open' : 'missing',
    identity: (path) => (path in box.files ? `${box.files[path]?.length}` : undefined),
    async tool(name, args): Promise<ToolAnswer> {
      asked.push(name);
      const short =
        args[0]?.startsWith('--query-gpu') && !args[0].includes('compute_cap') ? `${name} without compute_cap` : name;
      const text = box.tools[args[0] === '-L' ? `${name} -L` : short] ?? (short === name ? undefined : box.tools[name]);
      if (text === undefined) return { kind: 'missing' };
      if (text.hangs) return { kind: 'hangs' };
      return text.out === undefined ? { kind: 'failed', text: text.fails ?? '' } : { kind: 'answered', text: text.out };
    },
  };
}
