import { join } from 'node:path';
import { ourPython } from '../environment/variables.ts';
import type { Plan } from '../plan/schema.ts';

export interface TrainerCommand {
  /** Program and arguments. The run folder is the only argument that varies; secrets are never among the arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** One of several machines that train together. */
export interface Node {
  /** Rank of the machine, counted from 0; rank 0 owns the run. */
  readonly rank: number;
  /** Where the machines meet: an address of the first one, and a free port there. */
  readonly address: string;
  readonly port: number;
}

export interface TrainerCommandInput {
  readonly python: string;
  readonly runDir: string;
  /** Folders with packages beside the environment. */
  readonly extras?: readonly string[] | undefined;
  readonly resources: Plan['resources'];
  /** Folder of visiontrain's own package. */
  readonly packageRoot: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folder for code that PyTorch compiles; only this user can write to it. */
  readonly compiled?: string | undefined;
  /** Which of several machines this is, and where they meet; undefined when there is only one. */
  readonly node?: Node | undefined;
}

/**
 * The command line that starts the trainer. A single process runs as a module in the environment that `accelerate
 * launch` would set, which saves the launcher's own import of torch: some seconds of every start. Several processes
 * are started by the launcher, with each option explicit, so that no configuration file of the person changes what is
 * trained. The trainer starts in our own folder, because Python 3.10 imports modules from the current folder, and a
 * run folder may be a stranger's.
 */
export function trainerCommand(input: TrainerCommandInput): TrainerCommand {
  const { python, runDir, resources } = input;
  const trainer = ['-m', 'visiontrain_trainer', runDir];
  const launcher = resources.processes > 1 ? launcherOf(resources, input.node) : [];
  return { argv: [python, ...launcher, ...trainer], env: trainerEnv(input), cwd: join(input.packageRoot, 'trainer') };
}

/**
 * `accelerate launch` for cards. For several processes on a processor it would need MPI, so PyTorch's own launcher is
 * used there, the same that accelerate uses for cards.
 */
function launcherOf(resources: Plan['resources'], node: Node | undefined): string[] {
  return resources.device === 'cpu'
    ? ['-m', 'torch.distributed.run', ...torchOptions(resources, node)]
    : ['-m', 'accelerate.commands.launch', ...accelerateOptions(resources, node)];
}

function torchOptions({ processes, nodes }: Plan['resources'], node: Node | undefined): string[] {
  const meeting =
    node === undefined
      ? // The system chooses a free port, so that two runs on one machine do not collide.
        ['--rdzv-backend', 'c10d', '--rdzv-endpoint', '127.0.0.1:0', '--local-addr', '127.0.0.1']
      : ['--node-rank', String(node.rank), '--master-addr', node.address, '--master-port', String(node.port)];
  return ['--nnodes', String(nodes), '--nproc-per-node', String(processes / nodes), '--max-restarts', '0', ...meeting];
}

function accelerateOptions({ threads, processes, nodes }: Plan['resources'], node: Node | undefined): string[] {
  return [
    '--multi_gpu',
    ...['--num_processes', String(processes)],
    ...['--num_machines', String(nodes)],
    ...['--machine_rank', String(node?.rank ?? 0)],
    ...['--main_process_ip', node?.address ?? '127.0.0.1'],
    // Port 0 makes the launcher choose a free port, so that two runs on one machine do not collide.
    ...['--main_process_port', String(node?.port ?? 0)],
    ...['--rdzv_backend', 'static'],
    ...['--max_restarts', '0'],
    ...['--mixed_precision', 'no'],
    ...['--dynamo_backend', 'no'],
    ...['--gpu_ids', 'all'],
    ...['--num_cpu_threads_per_process', String(threads)],
  ];
}

/**
 * CUDA_VISIBLE_DEVICES for the cards that train. Their numbers count among the cards that the person's own variable
 * allows.
 */
function visibleCards({ cards }: Plan['resources'], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (cards.length === 0) return {};
  const shown = env.CUDA_VISIBLE_DEVICES?.split(',').map((part) => part.trim());
  return { CUDA_VISIBLE_DEVICES: cards.map((index) => shown?.[index] ?? String(index)).join(',') };
}

/**
 * glibc returns large blocks to the system at once and asks for them again at the next step. On a CPU that took up to
 * half of the time (system time in `top`). These settings make glibc keep the memory; other C libraries ignore them.
 */
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '17179869184',
  MALLOC_TOP_PAD_: '268435456',
  MALLOC_ARENA_MAX: '1',
} as const;

/**
 * Folders for PyTorch's compilers. Their default folders are below /tmp or in the home, where others may have taken
 * the names first, and the code in them is run.
 */
const compilerCaches = (folder: string) => ({
  TORCHINDUCTOR_CACHE_DIR: join(folder, 'inductor'),
  TRITON_CACHE_DIR: join(folder, 'triton'),
});

type EnvInput = Pick<TrainerCommandInput, 'packageRoot' | 'resources' | 'env' | 'compiled' | 'extras'>;

/** The environment of the trainer's Python. */
export function trainerEnv({ packageRoot, resources, env, compiled, extras = [] }: EnvInput): NodeJS.ProcessEnv {
  return {
    ...(compiled === undefined ? {} : compilerCaches(compiled)),
    ...ourPython({ env, packageRoot, threads: resources.threads, extras }),
    ...visibleCards(resources, env),
    CUBLAS_WORKSPACE_CONFIG: ':4096:8',
    // The plan counts cards as nvidia-smi does; without this variable CUDA would number the fastest card first.
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    ...(resources.device === 'cpu' ? KEEP_MEMORY : {}),
    ACCELERATE_USE_CPU: resources.device === 'cpu' ? 'True' : 'False',
    ACCELERATE_MIXED_PRECISION: 'no',
    ACCELERATE_DYNAMO_BACKEND: 'NO',
  };
}
