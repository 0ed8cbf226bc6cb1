import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { trainerCommand } from '../../../src/engine/supervisor/command.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

const { resources } = fixturePlan('/home/p', 5, null);
const input = { python: '/env/bin/python', runDir: '/runs/fox', resources, packageRoot: '/package', env: {} };

describe('trainerCommand', () => {
  it('starts the module directly for one process, in our own folder, with nothing but the run folder as argument', () => {
    const { argv, cwd, env } = trainerCommand(input);
    expect(argv).toEqual(['/env/bin/python', '-m', 'visiontrain_trainer', '/runs/fox']);
    expect(cwd).toBe('/package/trainer');
    expect(env).toMatchObject({
      PYTHONPATH: '/package/trainer',
      PYTHONHASHSEED: '0',
      PYTHONUNBUFFERED: '1',
      PYTHONUTF8: '1',
      CUBLAS_WORKSPACE_CONFIG: ':4096:8',
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      OMP_NUM_THREADS: '1',
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_OFFLINE: '1',
      ACCELERATE_USE_CPU: 'True',
    });
  });

  it("keeps the person's settings, and no secret and no other Python", () => {
    const kept = {
      HOME: '/home/p',
      CUDA_VISIBLE_DEVICES: '1',
      LD_LIBRARY_PATH: '/l',
      HF_HOME: '/h',
      NCCL_DEBUG: 'INFO',
      LC_ALL: 'de_DE',
      VISIONTRAIN_PYTHON: '/p',
    };
    const withheld = {
      HF_TOKEN: 's',
      MYPAT: 's',
      GITHUB_PAT: 's',
      DATABASE_URL: 's',
      TORCH_HUB_TOKEN: 's',
      NVIDIA_API_KEY: 's',
      SSH_AUTH_SOCK: 's',
      HUGGING_FACE_HUB_TOKEN: 's',
      CIVITAI_TOKEN: 's',
      AWS_SECRET_ACCESS_KEY: 's',
      OPENAI_API_KEY: 's',
      MY_PASSWORD: 's',
      https_proxy: 's',
      PIP_INDEX_URL: 's',
      PYTHONSTARTUP: 's',
      VIRTUAL_ENV: 's',
      ACCELERATE_CONFIG_FILE: 's',
      WORLD_SIZE: '8',
      FORCE_COLOR: '0',
    };
    const { env } = trainerCommand({ ...input, env: { ...kept, ...withheld } });
    expect(env).toMatchObject(kept);
    for (const name of Object.keys(withheld)) expect(env).not.toHaveProperty(name);
  });

  it('has PyTorch keep what it compiles in a folder of ours, unless the person named one', () => {
    expect(trainerCommand({ ...input, compiled: '/c' }).env).toMatchObject({
      TORCHINDUCTOR_CACHE_DIR: '/c/inductor',
      TRITON_CACHE_DIR: '/c/triton',
    });
    const env = { TRITON_CACHE_DIR: '/mine' };
    expect(trainerCommand({ ...input, compiled: '/c', env }).env).toMatchObject({ TRITON_CACHE_DIR: '/mine' });
  });

  const cards = { ...resources, device: 'cuda:1', processes: 2, cards: [1, 3] };
  const several = trainerCommand({ ...input, resources: cards });

  it('shows the trainer only the cards of the run, out of those that the person’s variable shows', () => {
    expect(several.env.CUDA_VISIBLE_DEVICES).toBe('1,3');
    const env = { CUDA_VISIBLE_DEVICES: 'GPU-a, GPU-b,GPU-c,GPU-d' };
    expect(trainerCommand({ ...input, resources: cards, env }).env.CUDA_VISIBLE_DEVICES).toBe('GPU-b,GPU-d');
    expect(trainerCommand({ ...input, env }).env.CUDA_VISIBLE_DEVICES).toBe(env.CUDA_VISIBLE_DEVICES);
  });

  it('uses PyTorch’s launcher for processes on a processor, and names the place where machines meet', () => {
    const here = trainerCommand({ ...input, resources: { ...resources, processes: 2 } }).argv.join(' ');
    expect(here).toContain(
      '-m torch.distributed.run --nnodes 1 --nproc-per-node 2 --max-restarts 0 --rdzv-backend c10d',
    );
    const node = { rank: 1, address: '10.0.0.1', port: 29500 };
    const there = trainerCommand({ ...input, resources: { ...resources, processes: 4, nodes: 2 }, node }).argv.join(
      ' ',
    );
    expect(there).toContain('--nnodes 2 --nproc-per-node 2 --max-restarts 0 --node-rank 1 --master-addr 10.0.0.1');
  });

  it('goes through accelerate for several cards', () => {
    expect(several.argv.slice(0, 4)).toEqual(['/env/bin/python', '-m', 'accelerate.commands.launch', '--multi_gpu']);
    expect(several.argv.slice(-3)).toEqual(['-m', 'visiontrain_trainer', '/runs/fox']);
    expect(several.env.ACCELERATE_USE_CPU).toBe('False');
  });

  it.runIf(process.env.VISIONTRAIN_TEST_PYTHON)(
    'gives accelerate only options that it knows, and leaves no choice to it',
    () => {
      const script = `
import json, sys
from accelerate.commands.launch import launch_command_parser
print(json.dumps(vars(launch_command_parser().parse_args(json.load(sys.stdin))), default=str))`;
      const parsed = execFileSync(process.env.VISIONTRAIN_TEST_PYTHON ?? '', ['-c', script], {
        input: JSON.stringify(several.argv.slice(3)),
        encoding: 'utf8',
      });
      expect(JSON.parse(parsed)).toMatchObject({
        multi_gpu: true,
        num_processes: 2,
        max_restarts: 0,
        num_machines: 1,
        machine_rank: 0,
        main_process_port: 0,
        mixed_precision: 'no',
        dynamo_backend: 'no',
        num_cpu_threads_per_process: 1,
        module: true,
        training_script: 'visiontrain_trainer',
        training_script_args: ['/runs/fox'],
      });
    },
  );
});
