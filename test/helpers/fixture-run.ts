import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { places } from '../../src/base/paths.ts';
import type { Plan } from '../../src/engine/plan/schema.ts';
import { fillSpec } from '../../src/engine/prepare/fill.ts';
import { makeRequest } from '../../src/engine/run-folder/requests.ts';
import { createRun, type RunRef } from '../../src/engine/runs/create.ts';
import { runCondition } from '../../src/engine/runs/summary.ts';
import { loadRegistry } from '../../src/registry/catalogue/load.ts';
import { renderSpec } from '../../src/spec/write.ts';

/** A home with a Python whose `visiontrain_trainer` is the stand-in of test/fixtures/trainer. */
export class FixtureHome {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'vt-home-')));
  readonly runs = join(this.dir, 'runs');
  readonly env: NodeJS.ProcessEnv;
  readonly #made: RunRef[] = [];

  constructor(env: NodeJS.ProcessEnv = {}) {
    this.env = { ...process.env, VISIONTRAIN_HOME: this.dir, VISIONTRAIN_PYTHON: this.#fakePython(), ...env };
  }

  /** Makes a run that is ready to be started. */
  create(steps = 5, name = 'fox', vae: { id: string; path: string } | null = null): RunRef {
    const registry = loadRegistry({ configDir: places(this.env).config });
    const dataset = { path: this.dir, goal: 'character' };
    const { spec, provenance } = fillSpec({ name, dataset, model: { base: 'tiny', vae: vae?.id ?? null } }, registry);
    const plan = fixturePlan(this.dir, steps, vae?.path ?? null);
    const run = createRun({ name, yaml: renderSpec(spec, provenance), plan, runs: this.runs });
    this.#made.push(run);
    return run;
  }

  /** Ends everything that still runs and removes all files. */
  async remove(): Promise<void> {
    for (const { dir } of this.#made) {
      if (runCondition(dir).state === 'live') makeRequest(dir, 'kill');
      await until(() => runCondition(dir).state !== 'live' && !runCondition(dir).supervised);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  #fakePython(): string {
    const site = join(this.dir, 'site');
    for (const name of [
      'torch',
      'diffusers',
      'transformers',
      'tokenizers',
      'accelerate',
      'peft',
      'safetensors',
      'pillow',
      'numpy',
    ]) {
      const info = join(site, `${name}-99.0.0.dist-info`);
      mkdirSync(info, { recursive: true });
      writeFileSync(join(info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: 99.0.0\n`);
    }
    for (const name of ['numpy', 'torch']) writeFileSync(join(site, `${name}.py`), '');
    const python = join(this.dir, 'python');
    const trainer = join(import.meta.dirname, '../fixtures/trainer');
    // The environment of the supervisor tells the stand-in how to behave. The trainer receives only a part of it, so
    // the settings are read here.
    const told = `for pair in $(tr '\\0' '\\n' < /proc/$PPID/environ | grep '^FIXTURE'); do export "$pair"; done`;
    writeFileSync(python, `#!/bin/sh\n${told}\nPYTHONPATH='${trainer}:${site}' exec python3 "$@"\n`);
    chmodSync(python, 0o755);
    return python;
  }
}

/** Waits until `done` holds; the test's own time limit is the only one. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A plan with the parts that the supervisor and the stand-in read. */
export function fixturePlan(home: string, steps: number, vaePath: string | null): Plan {
  return {
    version: 2,
    name: 'fox',
    spec_sha256: '0'.repeat(64),
    seed: 1,
    model: {
      name: 'tiny',
      path: home,
      layout: 'diffusers',
      config_dir: null,
      family: 'sd15',
      prediction: 'epsilon',
      zero_terminal_snr: false,
      vae_path: vaePath,
      flow_shift: 2.5,
      vae_scaling: null,
      merge_loras: [],
      clip_skip: 1,
      sha256: null,
    },
    data: {
      root: home,
      images: [
        {
          id: '0'.repeat(16),
          path: 'a.png',
          sha256: '0'.repeat(64),
          size: [64, 64],
          bucket: [64, 64],
          repeats: 1,
          caption: '',
          validation: false,
          regularisation: false,
          generated: null,
          loss_weight: 1,
          mask: null,
          own: null,
        },
      ],
      crop: 'center',
      flip: false,
      augment: null,
      resolution_use: 'each',
      alpha_color: '#ffffff',
      shuffle_tags: false,
      keep_tags: 1,
      caption_dropout: 0,
      tag_dropout: 0,
      caption_options: null,
      masks: null,
      max_tokens: 75,
    },
    training: {
      steps,
      batch_size_at: [],
      batch_size: 1,
      gradient_accumulation: 1,
      batches_per_epoch: 1,
      learning_rate: 1e-4,
      text_encoder_learning_rates: [0],
      text_encoder_steps: null,
      optimizer: 'adamw',
      weight_decay: 0,
      betas: [0.9, 0.999],
      schedule: 'constant',
      warmup_steps: 0,
      cycles: 1,
      max_grad_norm: 1,
      rank: 4,
      alpha: 4,
      dropout: 0,
      targets: 'all',
      conv_rank: 0,
      conv_alpha: 1,
      loss: 'l2',
      huber_c: 0.1,
      huber_schedule: 'snr',
      huber_scale: 1,
      loss_weighting: 'min_snr',
      p2_gamma: 1,
      scale_v_loss: false,
      v_like_loss: 0,
      noise_offset_random: false,
      noise_offset_adaptive: 0,
      multires_noise: null,
      input_perturbation: null,
      timesteps: null,
      optimizer_args: null,
      adapter: 'lora',
      lokr: null,
      dora: false,
      rslora: false,
      lora_plus_ratio: null,
      rank_dropout: 0,
      module_dropout: 0,
      t_lora: null,
      layers: [],
      preservation: null,
      ema: null,
      max_weight_norm: null,
      schedule_args: null,
      min_snr_gamma: null,
      noise_offset: 0,
      pivotal: null,
      init_lora: null,
    },
    validation: { every: null, images: 0, patience: null, min_change: 4 },
    samples: {
      every: 0,
      prompts: [],
      shots: null,
      sampler: 'ddim',
      spacing: 'trailing',
      negative: '',
      steps: 1,
      guidance: 1,
      seed: 1,
      size: [64, 64],
    },
    output: {
      precision: 'fp16',
      metadata: 'full',
      facts: {},
      diffusers: false,
      checkpoint_every: 0,
      checkpoint_keep: 1,
      save_every: 0,
      save_keep: null,
    },
    resources: {
      device: 'cpu',
      precision: 'fp32',
      vae_precision: 'fp32',
      gradient_checkpointing: 'none',
      base_precision: 'same',
      text_precision: 'same',
      stream_base: false,
      processes: 1,
      nodes: 1,
      cards: [],
      attention: 'sdpa',
      channels_last: false,
      tf32: false,
      compile: false,
      deterministic: true,
      probe: 'adjust',
      counted_memory: null,
      workers: 0,
      threads: 1,
      cache_dir: join(home, 'cache'),
    },
  };
}
