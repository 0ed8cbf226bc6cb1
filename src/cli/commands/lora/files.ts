/** The files that are named for a command of `lora`. */
import { UsageError, VisiontrainError } from '../../../base/errors.ts';
import { absolute } from '../../../base/paths.ts';
import { inspectLora, type LoraInspection } from '../../../engine/lora/inspect.ts';

/**
 * The typed paths, made absolute.
 * @throws UsageError when there is none, or more than `most`
 */
export function loraPaths(files: readonly string[], action: string, most = 1000): readonly string[] {
  if (files.length === 0 || files.length > most)
    throw new UsageError(
      `lora ${action} takes ${most === 1 ? 'one LoRA file' : 'LoRA files'}; ${files.length} are given.`,
      {
        id: 'command/wrong',
        nextSteps: [`visiontrain lora ${action} FILE.safetensors`],
      },
    );
  return files.map((file) => absolute(file, { cwd: process.cwd() }));
}

/**
 * Inspects a file.
 * @throws UsageError when the file cannot be read, or is no LoRA
 */
export function inspected(path: string, how: { readonly numbers?: boolean } = {}): LoraInspection {
  try {
    return inspectLora(path, how);
  } catch (error) {
    if (error instanceof VisiontrainError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UsageError(`${path} ${code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`}.`, {
      id: 'lora/unreadable',
      nextSteps: ['Check the path.'],
      cause: error,
    });
  }
}
