import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensorsHeader } from '../../src/registry/checkpoints/safetensors.ts';
import { testPython } from './real-trainer.ts';
import { safetensors } from './safetensors.ts';

const SCRIPT = `
import sys
import diffusers.loaders.peft
from pathlib import Path
from tests import tiny_models
folder = Path(sys.argv[1])
for family in ("sd15", "sdxl"):
    tiny_models.make_model(folder / family, family)
    tiny_models.to_single_file(folder / family, folder / f"{family}.safetensors")
`;

/**
 * Makes `sd15` and `sdxl` as folders and as single files. The tensor names are written apart from the program's own
 * tables.
 */
export function makeTinyModels(folder: string): void {
  execFileSync(testPython(), ['-c', SCRIPT, folder], {
    cwd: join(import.meta.dirname, '../../trainer'),
    env: { ...process.env, HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'pipe',
  });
}

/** Makes a file of zeros with the tensors of another file under new names; undefined leaves a tensor out. */
export function likeFile(from: string, to: string, rename: (name: string) => string | undefined): void {
  const shapes = [...readSafetensorsHeader(from).tensors].flatMap(([name, { shape }]) => {
    const renamed = rename(name);
    return renamed === undefined ? [] : [[renamed, shape] as const];
  });
  writeFileSync(to, safetensors(Object.fromEntries(shapes)));
}
