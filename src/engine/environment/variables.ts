/** The environment variables of our Python programs. */
import { delimiter, join } from 'node:path';

/**
 * Variables of the person's environment that training needs. All others are withheld: the trainer is offline, and a
 * variable with an unknown name may be a secret. Passed on are folders and language, the library loader, cards and
 * their libraries, and compilers.
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

export interface OurPython {
  readonly env: NodeJS.ProcessEnv;
  /** Folder of the installed package. */
  readonly packageRoot: string;
  readonly threads: number;
  /** Folders with further packages. */
  readonly extras?: readonly string[];
}

/**
 * The person's variables that are passed on, and our own: no site packages of the person, offline, UTF-8, no colours.
 */
export function ourPython({ env, packageRoot, threads, extras = [] }: OurPython): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => PASSED.some((p) => p.test(name)) && !SECRET.test(name));
  return {
    ...Object.fromEntries(kept),
    PYTHONPATH: [join(packageRoot, 'trainer'), ...extras].join(delimiter),
    PYTHONNOUSERSITE: '1',
    PYTHONSAFEPATH: '1',
    // File names are read as UTF-8, whatever the language settings of the terminal are.
    PYTHONUTF8: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
    PYTHONIOENCODING: 'utf-8',
    NO_COLOR: '1',
    OMP_NUM_THREADS: String(threads),
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    DO_NOT_TRACK: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
}
