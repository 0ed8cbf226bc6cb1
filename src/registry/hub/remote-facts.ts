/** Identifies a checkpoint on a server by its header alone: a few hundred kilobytes out of several gigabytes. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { SAFETENSORS_HEADER_MOST } from '../../base/files/safetensors-limit.ts';
import { isFileSize } from '../../download/file/pieces.ts';
import { readJson, readStart } from '../../download/http/ask.ts';
import type { ModelFile } from '../catalogue/schema.ts';
import { refuse } from '../checkpoints/complete.ts';
import { judgeScheduler } from '../checkpoints/config-marks.ts';
import { type ModelFacts, readModelFacts, schedulerFacts } from '../checkpoints/identify.ts';
import { addressOf, type RemoteInput } from './remote-model.ts';

/**
 * Family and prediction of the checkpoint.
 * @throws UsageError when it is no base model; Fault when the server refuses
 */
export async function remoteFacts(file: ModelFile, input: RemoteInput): Promise<ModelFacts> {
  const [source] = file.sources;
  if (source === undefined) throw new UsageError(`${file.path} has no source.`, { id: 'download/no-source' });
  const address = addressOf(source, basename(file.path), input);
  const start = await readStart(input.client, address, 8, input.signal);
  const length = start.length === 8 ? Number(start.readBigUInt64LE(0)) : Number.POSITIVE_INFINITY;
  if (length > SAFETENSORS_HEADER_MOST)
    throw new UsageError(`${file.path} is no safetensors file.`, { id: 'model/not-safetensors' });
  const header = await readStart(input.client, address, 8 + length, input.signal);
  const end = endOfTensors(header, file.path);
  // A file with the real header, and a hole in place of the weights, can be read like the whole file.
  const folder = mkdtempSync(join(tmpdir(), 'visiontrain-header-'));
  const path = join(folder, 'model.safetensors');
  try {
    const handle = openSync(path, 'w');
    writeSync(handle, header);
    ftruncateSync(handle, Math.max(file.bytes ?? 0, end));
    closeSync(handle);
    return readModelFacts(path, { ownVae: true });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // The message names the file that the person knows, not the temporary one.
    throw new UsageError(error.message.replace(path, file.path), {
      id: error.id,
      details: error.details,
      nextSteps: error.nextSteps,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What the scheduler of a diffusers folder says about the kind of prediction; nothing when the folder has no
 * scheduler.
 * @throws UsageError when a LoRA trained on it would be wrong; Fault when the server refuses
 */
export async function remoteSchedulerFacts(
  model: string,
  files: readonly ModelFile[],
  input: RemoteInput,
): Promise<Partial<ReturnType<typeof schedulerFacts>>> {
  const file = files.find(({ path }) => path === 'scheduler/scheduler_config.json');
  const [source] = file?.sources ?? [];
  if (file === undefined || source === undefined) return {};
  const value = await readJson(input.client, addressOf(source, basename(file.path), input), input.signal);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${file.path} of ${model} is not a configuration file.`, { id: 'model/hub' });
  const scheduler = value as Readonly<Record<string, unknown>>;
  refuse(model, judgeScheduler(scheduler).refusal);
  return schedulerFacts(model, scheduler);
}

function endOfTensors(header: Buffer, name: string): number {
  try {
    const tensors: Record<string, { data_offsets?: unknown } | null> = JSON.parse(header.toString('utf8', 8));
    let end = 0;
    for (const tensor of Object.values(tensors)) {
      const offsets = tensor?.data_offsets;
      const last: unknown = Array.isArray(offsets) ? offsets[1] : 0;
      if (!isFileSize(last)) throw new Error(`data_offsets of ${JSON.stringify(last)}`);
      end = Math.max(end, last);
    }
    return header.length + end;
  } catch (error) {
    throw new UsageError(`${name} is no safetensors file: its header cannot be read.`, {
      id: 'model/not-safetensors',
      cause: error,
    });
  }
}
