/**
 * Checks that the sources of the registry still serve what the registry says. Each source is asked once; nothing is
 * fetched.
 */
import pMap from 'p-map';
import { askAbout, readJson } from '../../download/http/ask.ts';
import type { Client } from '../../download/http/client.ts';
import { Fault } from '../../download/http/fault.ts';
import type { DownloadSettings } from '../../download/http/settings.ts';
import type { Source } from '../../download/http/source.ts';
import { type Address, addresses } from '../../download/http/sources.ts';
import type { AnyEntry, ModelFile } from '../catalogue/schema.ts';
import { civitaiFile, readVersion } from './civitai.ts';

export type SourceCheck = 'ok' | 'stale' | 'login' | 'unreachable';

export interface CheckedSource {
  /** Ids of all entries that use the source. */
  readonly ids: string[];
  readonly file: string;
  readonly source: string;
  readonly state: SourceCheck;
  /** What is wrong, or what could not be compared. */
  readonly detail: string;
}

interface Question {
  readonly ids: string[];
  readonly file: ModelFile;
  readonly source: Source;
  readonly address: Address;
}

export interface CheckInput {
  readonly client: Client;
  readonly settings: DownloadSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onChecked: (done: number, total: number) => void;
}

const AT_ONCE = 4;

export async function checkSources(entries: readonly AnyEntry[], input: CheckInput): Promise<CheckedSource[]> {
  const questions = collect(entries, input);
  let done = 0;
  const check = async (question: Question): Promise<CheckedSource> => {
    const verdict = await ask(question, input);
    input.onChecked(++done, questions.length);
    return { ids: question.ids, file: question.file.path, source: describe(question), ...verdict };
  };
  return pMap(questions, check, { concurrency: AT_ONCE });
}

/** Collects one question per address, because entries share small files. */
function collect(entries: readonly AnyEntry[], { settings, env }: CheckInput): Question[] {
  const questions = new Map<string, Question>();
  for (const entry of entries)
    for (const file of entry.files) {
      const name = file.path.split('/').at(-1) ?? file.path;
      addresses(file.sources, name, settings, env).forEach((address, i) => {
        const source = file.sources[i];
        const key = `${address.url} ${file.sha256}`;
        const known = questions.get(key);
        if (known !== undefined) known.ids.push(entry.id);
        else if (source !== undefined) questions.set(key, { ids: [entry.id], file, source, address });
      });
    }
  return [...questions.values()];
}

async function ask(question: Question, input: CheckInput): Promise<{ state: SourceCheck; detail: string }> {
  const { file, address, source } = question;
  try {
    const served =
      source.kind === 'civitai'
        ? await askCivitai(source.version, file, input)
        : await askAbout(input.client, address, input.signal);
    return compare(served, file);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.kind === 'denied') return { state: 'login', detail: error.message };
    const gone = ['gone', 'status', 'page', 'redirect', 'unsatisfiable', 'other-file'].includes(error.kind);
    return { state: gone ? 'stale' : 'unreachable', detail: error.message };
  }
}

function compare(
  { bytes, sha256 }: { readonly bytes: number | undefined; readonly sha256: string | undefined },
  file: ModelFile,
): { state: SourceCheck; detail: string } {
  if (sha256 !== undefined && file.sha256 !== undefined && sha256 !== file.sha256)
    return { state: 'stale', detail: `another file: SHA-256 ${sha256}` };
  if (bytes !== undefined && file.bytes !== undefined && bytes !== file.bytes)
    return { state: 'stale', detail: `another file: ${bytes} bytes instead of ${file.bytes}` };
  if (bytes !== undefined && file.bytes === undefined)
    return { state: 'ok', detail: `size not in the registry: ${bytes} bytes` };
  return { state: 'ok', detail: sha256 === undefined ? 'exists; its hash is not told' : '' };
}

/** Asks Civitai's API, which tells hashes. A download request would count against the person's quota. */
async function askCivitai(version: number, file: ModelFile, { client, settings, signal }: CheckInput) {
  const url = `${settings.civitai}/api/v1/model-versions/${version}`;
  const address: Address = {
    url,
    label: new URL(url).host,
    token: settings.civitaiToken,
    page: undefined,
    kind: 'civitai',
  };
  const found = civitaiFile(readVersion(await readJson(client, address, signal), address.label), file.sha256);
  if (found === undefined) throw new Fault('gone', `version ${version} offers no safetensors file`);
  return { bytes: undefined, sha256: found.sha256 };
}

function describe({ source, address }: Question): string {
  if (source.kind === 'hub') return `${address.label}: ${source.repo}`;
  if (source.kind === 'civitai') return `${address.label}: version ${source.version}`;
  return address.label;
}
