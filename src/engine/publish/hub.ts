/**
 * Uploads a LoRA to a Hugging Face hub through the hub's own client. The hub recognises uploaded files by their
 * hashes, so the same command continues an upload that was interrupted.
 */
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { commitIter, createRepo, HubApiError, modelInfo, whoAmI } from '@huggingface/hub';
import { DownloadError, UsageError, VisiontrainError } from '../../base/errors.ts';
import { pause } from '../../base/sleep.ts';
import { embeddingFile } from '../report/usage.ts';
import { coverPath, modelCard } from './card.ts';
import type { Material } from './material.ts';

export interface HubTarget {
  /** `owner/name`; undefined for a repository of the person named after the run. */
  readonly repo: string | undefined;
  readonly isPublic: boolean;
  /** Address of the hub. */
  readonly hub: string;
  /** A fetch that adds the token, and tries again. */
  readonly fetch: typeof fetch;
  /** Most tries to make the repository, and the seconds before the second of them. */
  readonly patience: { readonly tries: number; readonly backOffUnit: number };
  readonly signal: AbortSignal;
  /** Called with the path of a file and the share of it that was sent. */
  readonly onProgress: (path: string, share: number) => void;
}

export interface Published {
  readonly repo: string;
  readonly url: string;
  readonly commit: string;
  readonly is_private: boolean;
  readonly files: readonly string[];
}

/**
 * Placeholder for the token. The client refuses tokens of other hubs by their form, and may name the token in errors,
 * so `fetch` inserts the real one.
 */
const PLACEHOLDER = 'hf_sent_by_fetch';

/**
 * Uploads the LoRA.
 * @throws UsageError, DownloadError with the hub's answer and what to type
 */
export async function publishToHub(material: Material, target: HubTarget): Promise<Published> {
  const common = { hubUrl: target.hub, fetch: target.fetch, accessToken: PLACEHOLDER };
  const repo = target.repo ?? `${await withHubErrors(target, '', () => owner(common))}/${material.name}`;
  const is_private = await withHubErrors(target, repo, async () => {
    const found = (await makeRepo(repo, target, common)) ?? (await modelInfo({ ...common, name: repo }));
    return privacyOf(repo, target, found);
  });
  const files = await filesOf(material, repo);
  const commit = await withHubErrors(target, repo, () => send(repo, { material, files, target, common }));
  return { repo, url: `${target.hub}/${repo}`, commit, is_private, files: files.map(({ path }) => path) };
}

type Common = { readonly hubUrl: string; readonly fetch: typeof fetch; readonly accessToken: string };

async function owner(common: Common): Promise<string> {
  const me = await whoAmI(common);
  return me.name;
}

interface Found {
  readonly private: boolean;
}

/**
 * Makes the repository, private unless the person said otherwise.
 * @returns the one that is there already, which keeps its visibility; undefined for a new one
 */
async function makeRepo(repo: string, target: HubTarget, common: Common): Promise<Found | undefined> {
  const { isPublic, patience, signal } = target;
  for (let tries = 1; ; tries += 1) {
    try {
      await createRepo({ ...common, repo: { type: 'model', name: repo }, visibility: isPublic ? 'public' : 'private' });
      return undefined;
    } catch (error) {
      const status = error instanceof HubApiError ? error.statusCode : undefined;
      // The hub answers 409 for a repository that is there, and while it makes another one of the same person. A token
      // for one repository alone gets 403, since it may make none.
      if (status !== 409 && status !== 403) throw error;
      const found = await findRepo(repo, common);
      if (found !== undefined) return found;
      if (status === 403 || tries >= patience.tries) throw error;
      await pause(patience.backOffUnit * 1000 * 2 ** (tries - 1), signal);
    }
  }
}

/** The repository; undefined when there is none, or none for this token. */
async function findRepo(repo: string, common: Common): Promise<Found | undefined> {
  try {
    return await modelInfo({ ...common, name: repo });
  } catch (error) {
    if (error instanceof HubApiError && [401, 403, 404].includes(error.statusCode)) return undefined;
    throw error;
  }
}

/**
 * Whether the repository is private.
 * @throws UsageError when it is public and the person did not ask for that
 */
function privacyOf(repo: string, { isPublic, hub }: HubTarget, found: Found): boolean {
  if (!found.private && !isPublic)
    throw new UsageError(`${repo} is there already, and everybody can see it. Nothing was sent.`, {
      id: 'publish/public',
      nextSteps: [
        'If all may see the LoRA and its samples:  add --public',
        `Or make it private in its settings: ${hub}/${repo}/settings`,
        'Or name another one:  --repo OWNER/NAME',
      ],
    });
  return found.private;
}

interface Upload {
  readonly path: string;
  readonly content: Blob;
}

async function filesOf(material: Material, repo: string): Promise<readonly Upload[]> {
  const covers = await Promise.all(
    material.covers.map(async ({ path }, i) => ({ path: coverPath(i), content: await openAsBlob(path) })),
  );
  const word = material.plan.training.pivotal === null ? null : embeddingFile(material.lora);
  return [
    { path: 'README.md', content: new Blob([modelCard(material, repo)]) },
    { path: basename(material.lora), content: await openAsBlob(material.lora) },
    ...(word === null ? [] : [{ path: basename(word), content: await openAsBlob(word) }]),
    ...covers,
  ];
}

interface Sending {
  readonly material: Material;
  readonly files: readonly Upload[];
  readonly target: HubTarget;
  readonly common: Common;
}

async function send(repo: string, { material, files, target, common }: Sending): Promise<string> {
  const steps = commitIter({
    ...common,
    repo: { type: 'model', name: repo },
    title: `${material.name}, SHA-256 ${material.sha256.slice(0, 12)}`,
    operations: files.map((file) => ({ operation: 'addOrUpdate', ...file })),
    abortSignal: target.signal,
    // The hub's other protocol needs a program of its own for splitting files, and saves nothing for a file that is
    // sent once.
    useXet: false,
  });
  for (;;) {
    const { done, value } = await steps.next();
    if (done) {
      const oid: unknown = value?.commit.oid;
      // Only the commit makes files visible. Without the name of the commit it may never have been made.
      if (typeof oid !== 'string' || oid === '') throw new Error('it did not confirm the commit');
      return oid;
    }
    if (value.event === 'fileProgress' && value.state === 'uploading') target.onProgress(value.path, value.progress);
  }
}

/** Calls the hub, and turns its refusals into sentences. */
async function withHubErrors<T>({ hub, signal }: HubTarget, repo: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof VisiontrainError || signal.aborted) throw error;
    if (error instanceof HubApiError) throw refused(error, hub, repo);
    const why = error instanceof SyntaxError ? 'it answered with a page in place of data' : (error as Error).message;
    throw new DownloadError(`The hub was left before all was sent: ${why}.`, {
      id: 'publish/unreachable',
      nextSteps: ['The same command goes on: what the hub has is not sent again.'],
      cause: error,
    });
  }
}

/** Statuses of a server that may answer otherwise later. All others below 500 are about what was sent. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);
/** Statuses of a store of large files for an address that is no longer good. */
const EXPIRED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

function refused(error: HubApiError, hub: string, repo: string): VisiontrainError {
  const { statusCode, url } = error;
  const { host, origin } = new URL(hub);
  const details = wordsOf(error);
  if (EXPIRED.has(statusCode) && !url.startsWith(`${origin}/`))
    return new DownloadError(`${host} gave an address for the upload that was no longer good (${statusCode}).`, {
      id: 'publish/unreachable',
      details,
      nextSteps: ['The same command asks for a new one; what the hub has is not sent again.'],
    });
  switch (statusCode) {
    case 401:
      return new UsageError(`${host} does not know this token.`, {
        id: 'publish/login',
        details,
        nextSteps: ['hf auth login   or:  export HF_TOKEN=…   with a token that may write'],
      });
    case 403:
      return new UsageError(`This token may not write to ${repo === '' ? host : repo}.`, {
        id: 'publish/refused',
        details,
        nextSteps: [`Make a token that may write: ${hub}/settings/tokens`, 'Or name another one:  --repo OWNER/NAME'],
      });
    case 404:
      return new UsageError(`${host} has no place ${repo} for this token.`, {
        id: 'publish/refused',
        details,
        nextSteps: ['Name a place of yours:  --repo OWNER/NAME'],
      });
    case 409:
    case 412:
      return new UsageError(`${repo} was changed by somebody else meanwhile.`, {
        id: 'publish/changed',
        details,
        nextSteps: ['The same command tries again; what the hub has is not sent again.'],
      });
    case 413:
      return new UsageError(`${host} takes no file of this size, or no more in this account.`, {
        id: 'publish/too-large',
        details,
        nextSteps: ['Make the LoRA smaller:  visiontrain lora resize FILE --rank 16 -o SMALLER'],
      });
    default:
      if (statusCode < 500 && !LATER.has(statusCode))
        return new UsageError(`${host} does not take what was sent: it answered ${statusCode}.`, {
          id: 'publish/refused',
          details,
          nextSteps: ['See what would be sent:  add --dry-run', 'Or name another place:  --repo OWNER/NAME'],
        });
      return new DownloadError(`${host} answered ${statusCode} until the patience was over.`, {
        id: 'publish/unreachable',
        details,
        nextSteps: ['Later, the same command goes on: what the hub has is not sent again.'],
      });
  }
}

/** What the hub says itself, on one line at most. */
function wordsOf({ data, message: told }: HubApiError): string[] {
  const { error: reason, message } = (data ?? {}) as { error?: unknown; message?: unknown };
  // What is wrong with one large file stands in the error alone.
  const said = [reason, message, ...(data === undefined ? [told] : [])];
  const words = said.find((text) => typeof text === 'string' && text !== '' && !text.includes('<'));
  return words === undefined ? [] : [`The hub says: ${String(words).slice(0, 300)}`];
}
