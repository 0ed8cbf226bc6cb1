/** The machine that a job of Slurm will get, as far as it is asked for. Pure. */
import type { Hardware } from '../hardware/probe.ts';
import type { SlurmOptions } from './options.ts';
import { cardsOfJob } from './script.ts';

/** What cards a node has is not known here: the trainer checks it there, and no warning is guessed from it. */
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
