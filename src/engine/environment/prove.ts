/** Makes torch compute on the device in a child process, and explains a failure with its cure. */
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { formatDuration } from '../../base/text.ts';
import { BUILDS, type TorchBuild } from './builds.ts';
import { loaderCure } from './tools/failure.ts';
import { installEnvironment } from './tools/pip-settings.ts';
import { runTool } from './tools/tool.ts';

export interface ProofCheck {
  readonly check: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** A proof, as it is stored in the environment's stamp. */
export interface Proof {
  /** `boxFingerprint` of the driver and cards for which it is valid. */
  readonly fingerprint: string;
  /** Device as torch names it. */
  readonly device: string;
  readonly card: string | null;
  readonly driver: string | null;
  /** Names of the checks that passed, and of those that failed without preventing training. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** Seconds since 1970. */
  readonly at: number;
}

export interface ProofInput {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  readonly device: string;
  readonly build: TorchBuild;
  readonly log: string;
  readonly signal: AbortSignal;
  /** Milliseconds for the proof; the first start on a network disk takes a minute. */
  readonly limitMs?: number;
}

const LIMIT_MS = 240_000;

export type Prover = (input: ProofInput) => Promise<readonly ProofCheck[]>;

/**
 * Runs trainer/visiontrain_trainer/compute/prove.py. The checks that a run can do without (bf16, 8-bit) may fail.
 * @throws EnvironmentError that names the cause and the cure
 */
export const proveDevice: Prover = async (input) => {
  const { python, env, device, log, signal, limitMs = LIMIT_MS } = input;
  const script = join(packageRoot(), 'trainer', 'visiontrain_trainer', 'compute', 'prove.py');
  const eightBit = device.startsWith('cuda') ? ['--eight-bit'] : [];
  const limit = AbortSignal.timeout(limitMs);
  try {
    const { code, stdout, tail } = await runTool(
      {
        argv: [python, '-I', script, device, ...eightBit],
        env: { ...installEnvironment(env), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
      },
      { log, signal: AbortSignal.any([signal, limit]) },
    );
    const checks = readChecks(stdout);
    const failed = checks.find(({ ok }) => !ok);
    if (code === 0 && checks.length > 0) return checks;
    throw proofFailure(input, failed, tail);
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    throw new EnvironmentError(`${device} did not compute within ${formatDuration(limitMs / 1000)}: it hangs.`, {
      id: 'environment/proof',
      details: [`Whole story: ${log}`],
      nextSteps: [
        'See what uses it, and what happened:  nvidia-smi; sudo dmesg | grep -i -E "nvrm|xid"',
        'sudo reboot',
      ],
    });
  }
};

function readChecks(stdout: string): readonly ProofCheck[] {
  return stdout.split('\n').flatMap((line) => {
    if (!line.startsWith('{"check"')) return [];
    try {
      return [JSON.parse(line) as ProofCheck];
    } catch {
      return [];
    }
  });
}

interface Cause {
  readonly pattern: RegExp;
  readonly message: string;
  readonly nextSteps: readonly string[];
}

const CAUSES: readonly Cause[] = [
  {
    pattern: /driver version is insufficient|driver on your system is too old/iu,
    message: 'the NVIDIA driver is too old for this build of PyTorch',
    nextSteps: ['visiontrain setup   chooses anew, or says which driver it takes'],
  },
  {
    pattern: /out of memory/iu,
    message: "other programs hold the card's memory",
    nextSteps: ['nvidia-smi   shows which; end them, then: visiontrain setup'],
  },
  {
    pattern: /busy or unavailable/iu,
    message: 'another program holds the card for itself',
    nextSteps: ['nvidia-smi   shows which', 'The mode of the card may be exclusive:  sudo nvidia-smi -c 0'],
  },
  {
    pattern: /no NVIDIA driver|No CUDA GPUs are available|no (CUDA|ROCm|HIP)-capable device/iu,
    message: 'PyTorch sees no card',
    nextSteps: ['visiontrain doctor   shows which signs speak for one', 'echo "$CUDA_VISIBLE_DEVICES"   may hide it'],
  },
  {
    pattern: /CUDA unknown error|initialization error|system not yet initialized|forward compatibility/iu,
    message: 'the NVIDIA driver does not start',
    nextSteps: [
      'After a suspend:  sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm',
      'On HGX machines:  sudo systemctl restart nvidia-fabricmanager',
      'Else:             sudo reboot',
    ],
  },
  {
    pattern: /uncorrectable|ECC|illegal (memory|instruction)|hardware stack|misaligned address/iu,
    message: 'the card makes errors',
    nextSteps: ['sudo dmesg | grep -i xid   names them', 'sudo reboot; if it comes back, the card is damaged'],
  },
  {
    pattern: /Disagreement/u,
    message: 'the card computes wrong numbers',
    nextSteps: ['Take back any overclocking. If it comes back, the card is damaged, or does not fit this build.'],
  },
];

function proofFailure(input: ProofInput, failed: ProofCheck | undefined, tail: readonly string[]): EnvironmentError {
  const { device, build, env, log } = input;
  const output = failed?.error ?? tail.slice(-3).join('\n');
  const at =
    failed === undefined
      ? 'torch was installed but does not work on this machine'
      : `${device} failed the check "${failed.check}"`;
  const details = [...output.split('\n').slice(0, 4), `Whole story: ${log}`];
  const own = 'Or use an environment of your own: VISIONTRAIN_PYTHON=/path/to/python';
  if (/no kernel image|not compatible with the current PyTorch|invalid device function/iu.test(output))
    return new EnvironmentError(`${at}: ${build} has no kernels for this card.`, {
      id: 'environment/proof',
      details,
      nextSteps: [...otherBuilds(build), own],
    });
  const cause = CAUSES.find(({ pattern }) => pattern.test(output));
  return new EnvironmentError(cause === undefined ? `${at}.` : `${at}: ${cause.message}.`, {
    id: 'environment/proof',
    details,
    nextSteps: [...loaderCure([...tail, output], env), ...(cause?.nextSteps ?? ['visiontrain setup --force']), own],
  });
}

const otherBuilds = (build: TorchBuild): string[] => {
  const vendor = BUILDS.find(({ id }) => id === build)?.vendor;
  return BUILDS.filter((other) => other.vendor === vendor && other.id !== build).map(
    ({ id, title }) => `visiontrain setup --torch ${id}   (${title})`,
  );
};
