/** Proofs in an environment's stamp: checks whether one is valid for this machine, and adds a new one. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import type { BoxBuild } from './box.ts';
import { buildFacts, type TorchBuild } from './builds.ts';
import { type PythonEnvironment, STAMP, type Stamp } from './check.ts';
import type { Proof, ProofCheck } from './prove.ts';

/** The device that set-up proves, as torch names it. */
export function provenDevice(build: TorchBuild, box: BoxBuild | undefined): string {
  if (build === 'native') return box?.card === null || box === undefined ? 'cpu' : 'mps';
  return buildFacts(build).vendor === null || box === undefined || box.card === null ? 'cpu' : `cuda:${box.card}`;
}

export const proofOf = (checks: readonly ProofCheck[], device: string, box: BoxBuild | undefined): Proof => ({
  fingerprint: box?.fingerprint ?? '',
  device,
  card: box?.cardName ?? null,
  driver: box?.driver ?? null,
  passed: checks.filter(({ ok }) => ok).map(({ check }) => check),
  failed: checks.filter(({ ok }) => !ok).map(({ check }) => check),
  at: Math.round(Date.now() / 1000),
});

/**
 * Whether there is a proof of the device with the present driver and cards. The processor is proven once: it does not
 * change while the environment fits its Python.
 */
export const holds = (environment: PythonEnvironment, device: string, { fingerprint }: BoxBuild): boolean =>
  !device.startsWith('cuda') ||
  (environment.proofs ?? []).some((proof) => proof.device === device && proof.fingerprint === fingerprint);

/** Adds a proof to the stamp and drops those of other drivers and cards. */
export function keepProof({ python }: PythonEnvironment, proof: Proof): void {
  const file = join(dirname(dirname(python)), STAMP);
  const stamp = JSON.parse(readFileSync(file, 'utf8')) as Stamp;
  const others = (stamp.proofs ?? []).filter(
    ({ fingerprint, device }) => fingerprint === proof.fingerprint && device !== proof.device,
  );
  writeFileAtomic(file, `${JSON.stringify({ ...stamp, proofs: [...others, proof] }, null, 1)}\n`);
}
