/** The hardware that a job of Slurm will get, as far as it is requested. Pure. */
import type { Hardware } from '../hardware/probe.ts';
import type { SlurmOptions } from './options.ts';
import { cardsOfJob } from './script.ts';

/**
 * The hardware of a job. The kind of cards is unknown here: the trainer checks them on the node, and no warning is
 * guessed.
 */
export function hardwareOfJob(options: SlurmOptions): Hardware {
  return {
    platform: 'linux',
    cpu: "a node's processor",
    cpuCores: options.cpus,
    memoryBytes: Number.MAX_SAFE_INTEGER,
    gpus: Array.from({ length: cardsOfJob(options) }, (_, index) => ({
      vendor: 'nvidia' as const,
      index,
      name: 'card of the job',
      totalBytes: null,
      freeBytes: null,
      driver: null,
      capability: null,
    })),
    disks: [],
  };
}
