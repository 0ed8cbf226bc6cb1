/**
 * Writes values for other programs: event files for TensorBoard, text for Prometheus. A problem with either is
 * reported once.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import type { LoggingSpec } from '../../spec/sections/logging.ts';
import { reduceAll } from '../events/reducer.ts';
import { initialState, type RunState } from '../events/run-state.ts';
import { prometheusText } from '../logging/prometheus.ts';
import { type EventFile, loggedUpTo, openEventFile } from '../logging/tensorboard.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { Observer } from './observers.ts';

export interface LoggingInput {
  readonly logging: LoggingSpec;
  readonly dir: string;
  readonly onTrouble: (sentence: string) => void;
}

export function loggingObservers({ logging, dir, onTrouble }: LoggingInput): Observer[] {
  return [
    ...(logging.tensorboard ? [careful(tensorBoard(dir, logging), 'TensorBoard', onTrouble)] : []),
    ...(logging.prometheus ? [careful(prometheus(dir), 'Prometheus', onTrouble)] : []),
  ];
}

/** An observer that stops at its first error. */
function careful(observer: Observer, name: string, onTrouble: (sentence: string) => void): Observer {
  let isBroken = false;
  const giveUp = (error: unknown) => {
    isBroken = true;
    onTrouble(`Nothing more is logged for ${name}: ${(error as Error).message}. The run is not touched by it.`);
  };
  return {
    take(events, isNew) {
      if (isBroken) return;
      try {
        observer.take(events, isNew);
      } catch (error) {
        giveUp(error);
      }
    },
    async close() {
      if (!isBroken) await observer.close().catch(giveUp);
    },
  };
}

function tensorBoard(dir: string, { every, images }: LoggingSpec): Observer {
  let file: EventFile | undefined;
  return {
    take(events) {
      file ??= openEventFile({ runDir: dir, every, images, after: loggedUpTo(dir) });
      file.take(events);
    },
    close: async () => file?.close(),
  };
}

/** Least milliseconds between two files for Prometheus, which reads every few seconds at most. */
const APART_MS = 5_000;

function prometheus(dir: string): Observer {
  let state: RunState = initialState;
  let written = 0;
  const write = () => {
    written = Date.now();
    writeFileAtomic(join(dir, RUN_FILES.prometheus), prometheusText(state, written / 1000));
  };
  return {
    take(events, isNew) {
      state = reduceAll(state, events);
      if (isNew && Date.now() - written >= APART_MS) write();
    },
    close: async () => write(),
  };
}
