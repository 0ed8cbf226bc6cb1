import { EnvironmentError } from '../../../base/errors.ts';

/**
 * Advice that renews a broken environment: ours is made again; in a person's own environment nothing is ever
 * installed.
 */
export const renewal = (env: NodeJS.ProcessEnv): string =>
  env.VISIONTRAIN_PYTHON
    ? 'Mend the environment of VISIONTRAIN_PYTHON, or unset it: visiontrain setup makes its own'
    : 'visiontrain setup --force   renews the Python environment';

interface Cause {
  readonly pattern: RegExp;
  readonly message: string;
  readonly nextSteps: readonly string[];
}

/** Patterns in the output of pip and uv for causes outside of them, the most informative first. */
const causes: readonly Cause[] = [
  {
    pattern: /No space left on device|Disk quota exceeded|ENOSPC/i,
    message: 'The disk is full.',
    nextSteps: [
      'Free some space, or set VISIONTRAIN_HOME to a folder on a larger disk.',
      'A small /tmp can be the cause too: TMPDIR=/larger/disk visiontrain setup',
    ],
  },
  {
    pattern: /DO NOT MATCH THE HASHES|Hash mismatch/i,
    message: 'A package is not the one the lock names: its SHA-256 differs.',
    nextSteps: [
      'If the connection broke off half-way, try again: visiontrain setup',
      'A proxy or mirror may have changed it. Try without: PIP_INDEX_URL=https://pypi.org/simple visiontrain setup --force',
    ],
  },
  {
    pattern: /CERTIFICATE_VERIFY_FAILED|invalid peer certificate|SSLError/i,
    message: 'The connection is not trusted: its certificate is signed by someone this machine does not know.',
    nextSteps: ['Behind a company proxy, name its certificate: PIP_CERT=/path/to/ca.pem visiontrain setup'],
  },
  {
    pattern:
      /\b(401|403)\b.*(Client Error|Unauthorized|Forbidden)|status code 40[13]|ProxyError|Tunnel connection failed/i,
    message: 'The package index or a proxy refuses the connection.',
    nextSteps: ['Check `pip config list` and the HTTPS_PROXY variable, then: visiontrain setup'],
  },
  {
    pattern:
      /Temporary failure in name resolution|Name or service not known|getaddrinfo|NewConnectionError|Max retries exceeded|ConnectTimeout|Read timed out|ReadTimeout|error sending request|dns error|tcp connect error|Network is unreachable|Connection (refused|reset|aborted)/i,
    message: 'The package index cannot be reached.',
    nextSteps: [
      'Check the network, then: visiontrain setup   (what was fetched is kept)',
      'Without a network:  visiontrain setup --plan elsewhere   lists the wheels',
      'and then:           visiontrain setup --wheels /their/folder',
    ],
  },
  {
    pattern:
      /Connection broken|IncompleteRead|incomplete-download|RemoteDisconnected|connection closed before|error decoding response body|Failed to (download|fetch)|Wheel '.+' located at .+ is invalid/i,
    message: 'The package index broke off in the middle of a file.',
    nextSteps: ['Try again: visiontrain setup   (what was fetched whole is kept)'],
  },
  {
    pattern: /Permission denied|Read-only file system|EACCES|EROFS/i,
    message: 'The folder of the environment cannot be written to.',
    nextSteps: ['Set VISIONTRAIN_HOME to a folder of yours.'],
  },
  {
    pattern: /No matching distribution|no wheels? with a matching|No solution found|unsatisfiable/i,
    message: 'Your package index lacks a version the lock names, for this Python and machine.',
    nextSteps: [
      'Look at `pip config list`: does the index mirror all of PyPI?',
      'Or use an environment of your own: VISIONTRAIN_PYTHON=/path/to/python',
    ],
  },
  {
    pattern: /ensurepip.*(non-zero|returned|No module)|No module named ensurepip/i,
    message: 'Python cannot make environments here: its venv module is not complete.',
    nextSteps: ['Debian, Ubuntu: sudo apt install python3-venv'],
  },
];

const LOADER =
  /undefined symbol|symbol lookup error|version .?(GLIBC|GLIBCXX|CXXABI)_|cannot open shared object|wrong ELF class/;

/**
 * Whether a text is an error of the system's library loader, as when another library is found in place of the needed
 * one.
 */
export const isLoaderError = (text: string): boolean => LOADER.test(text);

/**
 * Advice to start without the variables that put other libraries before those of Python's packages. It is empty when
 * no such variable is set, or the output is not an error of the loader.
 */
export function loaderCure(lines: readonly string[], env: NodeJS.ProcessEnv): readonly string[] {
  const set = ['LD_LIBRARY_PATH', 'LD_PRELOAD'].filter((name) => env[name]);
  if (set.length === 0 || !lines.some(isLoaderError)) return [];
  return [
    `${set.join(' and ')} may put other libraries in the place of those it needs. Try without:`,
    `  env ${set.map((name) => `-u ${name}`).join(' ')} visiontrain setup`,
  ];
}

/** The error for a failed step of set-up, explained by the last output of the tool. */
export function installFailure(step: string, tail: readonly string[], log: string): EnvironmentError {
  const cause = causes.find(({ pattern }) => tail.some((line) => pattern.test(line)));
  return new EnvironmentError(`The Python environment could not be set up. ${cause?.message ?? `${step} failed.`}`, {
    id: 'environment/setup',
    details: [...tail.filter((line) => !/^(WARNING|\[notice\])/.test(line)).slice(-4), `Whole story: ${log}`],
    nextSteps: cause?.nextSteps ?? ['visiontrain setup   tries again'],
  });
}
