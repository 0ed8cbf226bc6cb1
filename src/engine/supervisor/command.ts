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
  /** Folder of this user's alone, for what PyTorch compiles. */
  readonly compiled?: string | undefined;
  /** How many cards train together, one process each; above 1 they are started by `accelerate launch`. */
  readonly processes?: number;
}

/**
 * How the trainer is started. One process runs as a module in the environment that `accelerate launch` would set:
 * that saves the launcher's own import of torch, some seconds of every start. Several go through the launcher, with
 * each option explicit, so that no configuration file of the person's changes what is trained. It starts in our own
 * folder: Python 3.10 takes modules from where it stands, and a run folder may be a stranger's.
 */
export function trainerCommand(input: TrainerCommandInput): TrainerCommand {
  const { python, runDir, resources, processes = 1 } = input;
  const trainer = ['-m', 'visiontrain_trainer', runDir];
  const launcher = processes > 1 ? ['-m', 'accelerate.commands.launch', ...launchOptions(resources, processes)] : [];
  return { argv: [python, ...launcher, ...trainer], env: trainerEnv(input), cwd: join(input.packageRoot, 'trainer') };
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

/**
 * What training needs to know of the person's environment, and nothing else: it is offline, and a variable of a name
 * nobody foresaw may be a secret. Folders and language, the loader of libraries, cards and what computes on them, and
 * compilers.
 */
const PASSED = [
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|LOCPATH|TZ|TZDIR|TMPDIR|TMP|TEMP|HF_HOME)$/,
  /^(XDG_(CACHE|CONFIG|DATA|STATE)_HOME|XDG_RUNTIME_DIR|VISIONTRAIN_(HOME|PYTHON))$/,
  /^(LD_LIBRARY_PATH|LD_PRELOAD|LD_BIND_NOW|DYLD_[A-Z_]+|NIX_LD|NIX_LD_LIBRARY_PATH|GLIBC_TUNABLES|MALLOC_[A-Z_]+)$/,
  /^(CUDA|CUDNN|CUBLAS|NVIDIA|NCCL|HIP|HSA|ROCR|ROCM|MIOPEN|GPU|AMD)_\w+$/,
  /^(OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|VECLIB|ATEN|TORCH|PYTORCH|TORCHINDUCTOR|TORCHDYNAMO|TRITON|BNB)_\w+$/,
  /^(CC|CXX|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH)$/,
];
const SECRET = /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|KEY|PAT)$/i;

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

/** By themselves both have names below /tmp or in the home that others may have taken; what they hold is run. */
const compilerCaches = (folder: string) => ({
  TORCHINDUCTOR_CACHE_DIR: join(folder, 'inductor'),
  TRITON_CACHE_DIR: join(folder, 'triton'),
});

function trainerEnv({ packageRoot, resources, env, compiled }: TrainerCommandInput): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => PASSED.some((p) => p.test(name)) && !SECRET.test(name));
  return {
    ...(compiled === undefined ? {} : compilerCaches(compiled)),
    ...Object.fromEntries(kept),
    PYTHONPATH: join(packageRoot, 'trainer'),
    PYTHONNOUSERSITE: '1',
    PYTHONSAFEPATH: '1',
    // File names are UTF-8 here, whatever the language settings of the terminal.
    PYTHONUTF8: '1',
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
