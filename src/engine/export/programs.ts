/**
 * Finds the folders in which other programs on this machine look for LoRA files, or remembers one that the person
 * named.
 */
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';

export const programs = ['comfyui', 'a1111', 'forge'] as const;
export type Program = (typeof programs)[number];

/** For each program: usual names of its folder, its sub-folder for LoRA files, and a variable that may name it. */
const KNOWN: Readonly<Record<Program, { title: string; names: readonly string[]; inside: string; variable: string }>> =
  {
    comfyui: {
      title: 'ComfyUI',
      names: ['ComfyUI', 'comfyui', 'ComfyUI_windows_portable/ComfyUI', 'comfy/ComfyUI'],
      inside: 'models/loras',
      variable: 'COMFYUI_PATH',
    },
    a1111: {
      title: 'A1111',
      names: ['stable-diffusion-webui', 'automatic1111', 'a1111'],
      inside: 'models/Lora',
      variable: 'A1111_PATH',
    },
    forge: {
      title: 'Forge',
      names: ['stable-diffusion-webui-forge', 'sd-webui-forge', 'sd-webui-forge-neo', 'forge', 'webui_forge/webui'],
      inside: 'models/Lora',
      variable: 'FORGE_PATH',
    },
  };

export interface ProgramSurroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly places: Pick<Places, 'state'>;
  readonly cwd: string;
}

const file = ({ state }: Pick<Places, 'state'>) => join(state, 'programs.json');
const isFolder = (path: string): boolean => statOf(path)?.isDirectory() === true;

/** The program and, where it was given, its folder, in a text such as `comfyui` or `comfyui=/data/ComfyUI`. */
export function programIn(
  text: string,
): { readonly program: Program; readonly folder: string | undefined } | undefined {
  const equals = text.indexOf('=');
  const program = programs.find((each) => each === (equals < 0 ? text : text.slice(0, equals)));
  return program === undefined ? undefined : { program, folder: equals < 0 ? undefined : text.slice(equals + 1) };
}

/**
 * The folder for LoRA files of a program on this machine: the remembered one, else the only one that is found.
 * @throws UsageError when none is found, or several
 */
export function programFolder(program: Program, around: ProgramSurroundings): string {
  const { title, inside } = KNOWN[program];
  const kept = readKept(file(around.places)).filter((line) => line.startsWith(`${program}=`));
  const remembered = kept.map((line) => line.slice(program.length + 1)).find(isFolder);
  if (remembered !== undefined) return remembered;
  const found = lookFor(program, around);
  const [only, second] = found;
  if (only !== undefined && second === undefined) return only;
  throw new UsageError(
    only === undefined ? `${title} is not found on this machine.` : `There is more than one ${title} here.`,
    {
      id: 'export/program',
      details: found,
      nextSteps: [
        `Say once where it is:  --to ${program}=/path/to/${basename(KNOWN[program].names[0] ?? '')}   (it has ${inside} in it)`,
      ],
    },
  );
}

/** Where a program looks for embeddings, given its folder for LoRA files; it knows embeddings by their file names. */
export function embeddingPlace(program: Program, loras: string, word: string): string | null {
  if (/[\\/:*?"<>|]/u.test(word)) return null;
  return join(loras, program === 'comfyui' ? '..' : '../..', 'embeddings', `${word}.safetensors`);
}

/**
 * Remembers the folder of a program.
 * @throws UsageError when it has no folder for LoRA files
 */
export function rememberProgram(program: Program, path: string, around: ProgramSurroundings): string {
  const { title, inside } = KNOWN[program];
  const folder = [join(path, inside), path].find((each) => isFolder(each) && each.endsWith(inside));
  if (folder === undefined)
    throw new UsageError(`${path} is not the folder of ${title}: there is no ${inside} in it.`, {
      id: 'export/program',
      nextSteps: [`Name the folder that has ${inside} in it, or take any folder:  --to DIR`],
    });
  keep(file(around.places), `${program}=${folder}`);
  return folder;
}

function lookFor(program: Program, { env, cwd }: ProgramSurroundings): string[] {
  const { names, inside, variable } = KNOWN[program];
  const home = env.HOME ?? '';
  const above = [cwd, join(cwd, '..'), ...(home === '' ? [] : [home]), '/workspace', '/opt', '/content', '/data'];
  const within = above.flatMap((dir) => ['', 'ai', 'apps', 'stable-diffusion'].map((sub) => join(dir, sub)));
  const named = env[variable] ?? '';
  const all = [...(named === '' ? [] : [named]), ...within.flatMap((dir) => names.map((name) => join(dir, name)))];
  const folders = all.map((dir) => join(dir, inside)).filter(isFolder);
  // A disk that ignores upper and lower case shows one folder under two names.
  const seen = new Set<string>();
  return folders.filter((folder) => {
    const stat = statOf(folder);
    const key = `${stat?.dev} ${stat?.ino}`;
    return seen.has(key) ? false : seen.add(key);
  });
}
