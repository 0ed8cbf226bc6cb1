/** Runs that go on from a LoKr, a LoHa and a DoRA as LyCORIS writes them, through the command. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPlan } from '../../src/engine/runs/read-plan.ts';
import { drawImages, newPlace, type Place, testPython } from '../helpers/real-trainer.ts';

/** Writes the three files: all attention layers of the embedded base, with a rank and an alpha of their own. */
const MAKE = `
import sys
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file, save_file
base, to = Path(sys.argv[1]), Path(sys.argv[2])
draw = np.random.default_rng(1)
some = lambda *shape: (draw.standard_normal(shape) * 0.1).astype(np.float32)
files = {"lokr": {}, "loha": {}, "dora": {}}
for key, weight in load_file(base / "unet" / "diffusion_pytorch_model.safetensors").items():
    if ".attn" not in key or not key.endswith(".weight"):
        continue
    name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
    out, into = weight.shape
    layers = {
        "lokr": {"lokr_w1": some(4, 4), "lokr_w2_a": some(out // 4, 2), "lokr_w2_b": some(2, into // 4)},
        "loha": {f"hada_w{n}_{ab}": 4 * some(*((out, 2) if ab == "a" else (2, into))) for n in (1, 2) for ab in "ab"},
        "dora": {
            "lora_up.weight": some(out, 2),
            "lora_down.weight": some(2, into),
            "dora_scale": np.abs(some(1, into)) + 1,
        },
    }
    for kind, layer in layers.items():
        files[kind] |= {f"{name}.{role}": tensor for role, tensor in layer.items()}
        files[kind][f"{name}.alpha"] = np.array(1, dtype=np.float32)
for kind, tensors in files.items():
    save_file(tensors, to / f"{kind}.safetensors")
`;

/** Prints the layers, and by how much the numbers of two files differ at most. */
const APART = `
import json, sys
import numpy as np
from safetensors.numpy import load_file
first, second = map(load_file, sys.argv[1:])
assert set(first) == set(second), sorted(set(first) ^ set(second))[:4]
print(json.dumps([len(first), max(float(np.abs(first[key] - second[key]).max()) for key in first)]))
`;

describe('a run that goes on from a file of another kind', { timeout: 600_000 }, () => {
  let place: Place;

  beforeAll(() => {
    place = newPlace();
    drawImages(join(place.dir, 'images'));
    execFileSync(testPython(), ['-c', MAKE, join(import.meta.dirname, '../../presets/tiny/sd15'), place.dir]);
    writeFileSync(
      join(place.dir, 'run.yaml'),
      `version: 1
name: on
dataset: {path: ./images, goal: concept, resolution: 64, bucket_step: 32, bucket_min: 64, bucket_max: 96}
model: {base: tiny}
training: {steps: 1, batch_size: 1, targets: attention, learning_rate: 1e-4, text_encoder_learning_rate: 0}
samples: {every: 0, prompts: []}
output: {precision: fp32}
`,
    );
  });

  afterAll(() => place.remove());

  it.each([
    ['lokr', { adapter: 'lokr', dora: false, rank: 2, alpha: 1, lokr: { factor: 4 } }],
    ['loha', { adapter: 'loha', dora: false, rank: 2, alpha: 1 }],
    ['dora', { adapter: 'lora', dora: true, rank: 2, alpha: 1 }],
  ] as const)('%s: kind, rank and alpha are taken, and its weights are those that are trained', async (kind, taken) => {
    const file = join(place.dir, `${kind}.safetensors`);
    const told = await place.visiontrain(
      ...['run', 'run.yaml', '--name', kind, '--set', `training.init_lora=./${kind}.safetensors`, '--plain'],
    );
    expect([told.code, told.stderr]).toEqual([0, expect.any(String)]);
    const run = join(place.dir, 'home', 'runs', kind);
    expect(readPlan(run)).toMatchObject({ training: taken });
    const [{ path }] = JSON.parse(readFileSync(join(run, 'exit.json'), 'utf8')).outputs;
    const [tensors, apart] = JSON.parse(
      execFileSync(testPython(), ['-c', APART, file, join(run, path)], { encoding: 'utf8' }),
    );
    expect(tensors).toBeGreaterThan(100);
    // One step at this rate moves no number by more than this, and the numbers are of the order of 0.1.
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(5e-4);
  });

  it('is refused before it begins where run.yaml asks for another kind', async () => {
    const told = await place.visiontrain(
      ...['run', 'run.yaml', '--set', 'training.init_lora=./loha.safetensors', '--set', 'training.adapter=lokr'],
    );
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('is a LoHa, and this run trains a LoKr')]);
    expect(told.stderr).toContain('--set training.adapter=loha');
  });
});
