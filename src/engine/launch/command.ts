import { join } from 'node:path';
import type { Plan } from '../plan/schema.ts';

export interface TrainerCommand {
  /** Program and arguments; the run folder is the only argument of ours, and no secret is ever among them. */
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface TrainerCommandInput {
  readonly python: string;
  readonly runDir: string;
  readonly resources: Plan['resources'];
  /** Folder of the installed package. */
  readonly packageRoot: string;
  readonly env: NodeJS.ProcessEnv;
  /** How many cards train together, one process each; above 1 they are started by `accelerate launch`. */
  readonly processes?: number;
}

/**
 * How the trainer is started. One process runs as a module in the environment that `accelerate launch` would set:
 * that saves the launcher's own import of torch, some seconds of every start. Several go through the launcher, with
 * each option explicit, so that no configuration file of the person's changes what is trained.
 */
export function trainerCommand(input: TrainerCommandInput): TrainerCommand {
  const { python, runDir, resources, processes = 1 } = input;
  const trainer = ['-m', 'visiontrain_trainer', runDir];
  const launcher = processes > 1 ? ['-m', 'accelerate.commands.launch', ...launchOptions(resources, processes)] : [];
  return { argv: [python, ...launcher, ...trainer], env: trainerEnv(input), cwd: runDir };
}

function launchOptions({ threads }: Plan['resources'], processes: number): string[] {
  return [
    '--multi_gpu',
    ...['--num_processes', String(processes)],
    ...['--num_machines', '1'],
    ...['--machine_rank', '0'],
    ...['--main_process_ip', '127.0.0.1'],
    // 0: a free one, so that two runs on one machine do not meet.
    ...['--main_process_port', '0'],
    ...['--rdzv_backend', 'static'],
    ...['--mixed_precision', 'no'],
    ...['--dynamo_backend', 'no'],
    ...['--gpu_ids', 'all'],
    ...['--num_cpu_threads_per_process', String(threads)],
  ];
}

/** Names that hold secrets or settings of other programs: training is offline and needs none of them. */
const WITHHELD = [
  /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY)$/i,
  // Proxy and index addresses often carry a password.
  /^(https?|all|ftp)_proxy$/i,
  /^(PIP|UV|npm_config|ACCELERATE|FSDP|DEEPSPEED)_/i,
  // Another Python's paths, and variables by which PyTorch would believe itself one of several processes.
  /^(PYTHON[A-Z]*|VIRTUAL_ENV|CONDA_[A-Z_]+)$/,
  // The trainer prints into a file.
  /^(FORCE_COLOR|CLICOLOR_FORCE)$/,
  /^(RANK|LOCAL_RANK|WORLD_SIZE|LOCAL_WORLD_SIZE|MASTER_ADDR|MASTER_PORT|NODE_RANK)$/,
];

/**
 * glibc gives large blocks back to the system at once and asks for them again at the next step: on a CPU that was up to
 * half of the time (as system time in `top`). Kept instead; of no effect where the C library is another.
 */
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '17179869184',
  MALLOC_TOP_PAD_: '268435456',
  MALLOC_ARENA_MAX: '1',
} as const;

function trainerEnv({ packageRoot, resources, env }: TrainerCommandInput): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !WITHHELD.some((pattern) => pattern.test(name)));
  return {
    ...Object.fromEntries(kept),
    PYTHONPATH: join(packageRoot, 'trainer'),
    PYTHONNOUSERSITE: '1',
    PYTHONSAFEPATH: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
    PYTHONIOENCODING: 'utf-8',
    NO_COLOR: '1',
    OMP_NUM_THREADS: String(resources.threads),
    CUBLAS_WORKSPACE_CONFIG: ':4096:8',
    // Cards are counted as nvidia-smi counts them, which the plan was made by; by itself CUDA puts the fastest first.
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    ...(resources.device === 'cpu' ? KEEP_MEMORY : {}),
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    DO_NOT_TRACK: '1',
    TOKENIZERS_PARALLELISM: 'false',
    ACCELERATE_USE_CPU: resources.device === 'cpu' ? 'True' : 'False',
    ACCELERATE_MIXED_PRECISION: 'no',
    ACCELERATE_DYNAMO_BACKEND: 'NO',
  };
}
