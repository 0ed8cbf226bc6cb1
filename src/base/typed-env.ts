import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { typedPath } from './typed-path.ts';

/** Variables that hold one path each: ours and those of the Hugging Face tools. */
const PATHS = [
  'VISIONTRAIN_HOME',
  'VISIONTRAIN_WORKSPACE',
  'HF_HOME',
  'HF_HUB_CACHE',
  'HUGGINGFACE_HUB_CACHE',
  'HF_TOKEN_PATH',
];

/**
 * Variables of pip, uv and OpenSSL. These programs are started in another folder than the person's, where relative
 * paths would be wrong. A value may be a list, separated by spaces or commas.
 */
const TOOL_PATHS =
  /^(PIP_(CERT|CLIENT_CERT|CACHE_DIR|CONFIG_FILE|FIND_LINKS)|UV_(CACHE_DIR|CONFIG_FILE|FIND_LINKS)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|TMPDIR)$/;

/**
 * The environment with every path in it made absolute, so that programs that are started in another folder find the
 * same files.
 * @throws UsageError for a value that cannot be a path
 */
export function typedEnvironment(env: NodeJS.ProcessEnv, cwd: string): NodeJS.ProcessEnv {
  const path = (text: string) => typedPath(text, cwd, { env });
  const typed: NodeJS.ProcessEnv = { ...env };
  for (const name of PATHS) if (env[name]) typed[name] = path(env[name]);
  // VISIONTRAIN_PYTHON without a slash is a command to look up, not a path.
  if (env.VISIONTRAIN_PYTHON && /[/\\~]/.test(env.VISIONTRAIN_PYTHON))
    typed.VISIONTRAIN_PYTHON = path(env.VISIONTRAIN_PYTHON);
  if (env.VISIONTRAIN_MODEL_DIRS)
    typed.VISIONTRAIN_MODEL_DIRS = env.VISIONTRAIN_MODEL_DIRS.split(':')
      .filter((folder) => folder !== '')
      .map(path)
      .join(':');
  const whole = (word: string) => (!isAbsolute(word) && existsSync(resolve(cwd, word)) ? resolve(cwd, word) : word);
  for (const [name, value = ''] of Object.entries(env))
    if (TOOL_PATHS.test(name) && value !== '') typed[name] = value.replaceAll(/[^\s,]+/g, whole);
  return typed;
}
