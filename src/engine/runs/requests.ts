import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from './layout.ts';

/** `stop`, `save` and `sample` are for the trainer, `kill` for the supervisor. */
export type Request = 'stop' | 'save' | 'sample' | 'kill';

const path = (runDir: string, request: Request): string => join(runDir, RUN_FILES.control, request);

/** Leaves a request in the run folder; works across containers and mounts, where signals do not. */
export function makeRequest(runDir: string, request: Request): void {
  mkdirSync(join(runDir, RUN_FILES.control), { recursive: true });
  closeSync(openSync(path(runDir, request), 'a'));
}

export const hasRequest = (runDir: string, request: Request): boolean => existsSync(path(runDir, request));

export const dropRequest = (runDir: string, request: Request): void => rmSync(path(runDir, request), { force: true });

/** Forgets requests of an earlier attempt. */
export function dropAllRequests(runDir: string): void {
  for (const request of ['stop', 'save', 'sample', 'kill'] as const) dropRequest(runDir, request);
}
