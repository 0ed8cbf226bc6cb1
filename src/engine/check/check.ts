/**
 * Checks a data set: has new images examined, if a Python is ready for that, and finds what is unusual. Nothing is
 * installed and nothing is written into the data set.
 */
import type { Places } from '../../base/paths.ts';
import { anyScores, captionsDir } from '../captions/store.ts';
import { captionFindings } from './caption-findings.ts';
import { type Crops, cropAsks, cropsOf, keepCrops, readCrops } from './crops.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';
import { type LookResult, lookAtImages } from './look-worker.ts';
import { keepTogether, keepTokens, type Looks, looksDir, readLooks, readTokens } from './looks.ts';
import { keepMarks, type Mark, markAsks, markFindings, readMarks } from './marks.ts';
import { pixelFindings } from './pixel-findings.ts';
import { readyPython } from './ready-python.ts';
import { sizeFindings } from './size-findings.ts';
import { type Tagged, tagFindings } from './tag-findings.ts';

export interface ImageCheckInput {
  readonly root: string;
  readonly images: readonly CheckImage[];
  readonly trigger: string;
  /** Whether crops are moved for what masks show. */
  readonly focus?: boolean;
  /** Folder of the base model's tokenizer; null where it is not on this machine. */
  readonly tokenizer: string | null;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  /** Number of images that are decoded at the same time. */
  readonly threads: number;
  /** Most images that are examined now. Images that were examined before do not count. */
  readonly most: number;
  /** Ends the examination; results until then are used. */
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Checked {
  readonly findings: readonly DatasetFinding[];
  readonly looks: Looks;
  /** What the crop keeps of images that have a mask. */
  readonly crops: Crops;
  /** Number of images whose pixels were never examined. */
  readonly unseen: number;
  /** Why the pixels of some images were not examined; undefined when all were. */
  readonly reason: string | undefined;
}

export async function checkImages(input: ImageCheckInput): Promise<Checked> {
  const { images, root, places, trigger } = input;
  const dir = looksDir(places);
  const hashes = [...new Set(images.map(({ sha256 }) => sha256))];
  const known = readLooks(dir, root, hashes);
  const missing = images.filter(({ sha256 }) => !known.has(sha256));
  const looked = await lookAt(missing, input);
  const looks = missing.length === 0 ? known : readLooks(dir, root, hashes);
  keepTogether(dir, root, looks);
  const findings = [
    ...pixelFindings(images, looks),
    ...sizeFindings(images, { crops: looked.crops, focus: input.focus === true }),
    ...captionFindings(images, { trigger, tokens: looked.tokens }),
    ...tagFindings(images, taggedIn(captionsDir(places))),
    ...markFindings(images, looked.marks, looked.compared),
  ];
  const unseen = images.filter(({ sha256 }) => !looks.has(sha256)).length;
  return {
    findings: findings.toSorted((a, b) => Number(a.level === 'info') - Number(b.level === 'info')),
    looks,
    crops: looked.crops,
    unseen,
    reason: unseen === 0 ? undefined : looked.reason,
  };
}

/** The results of the first tagger for an image, read once for each image. */
function taggedIn(store: string): Tagged {
  const known = new Map<string, ReturnType<Tagged>>();
  return (sha256) => {
    const found = known.get(sha256) ?? anyScores(store, sha256);
    known.set(sha256, found);
    return found;
  };
}

interface LookedAt {
  readonly tokens: ReadonlyMap<string, number> | undefined;
  readonly crops: Crops;
  readonly marks: readonly Mark[];
  /** Number of images that were compared for marks. */
  readonly compared: number;
  readonly reason: string | undefined;
}

async function lookAt(missing: readonly CheckImage[], input: ImageCheckInput): Promise<LookedAt> {
  const { root, places, env, threads, most, signal, onProgress } = input;
  const todo = missing.length > most ? [] : missing;
  const tooMany =
    todo.length < missing.length ? 'they are too many to look at here: visiontrain dataset check does' : undefined;
  const questions = questionsOf(input);
  if (todo.length === 0 && questions.isAnswered) return { ...questions.answers({}), reason: tooMany };
  try {
    const ready = await readyPython({ places, env, signal });
    if (ready === undefined)
      return { ...questions.answers({}), reason: 'there is no Python environment yet: visiontrain setup makes it' };
    const found = await lookAtImages({
      ...{ root, env, threads, store: looksDir(places), signal },
      ...questions.open,
      ...ready,
      images: todo,
      onProgress: onProgress ?? (() => undefined),
    });
    questions.keep(found);
    const [first] = found.failed;
    return { ...questions.answers(found), reason: tooMany ?? (first && `${first.path} ${first.reason}`) };
  } catch (error) {
    // The examination is optional: without it the rest of the check is still valid.
    return {
      ...questions.answers({}),
      reason: signal.aborted ? 'there was no time for it' : (error as Error).message,
    };
  }
}

/** What is asked about all images together; an answer is kept, and the same question is not asked twice. */
function questionsOf(input: ImageCheckInput) {
  const { images, places, most, tokenizer } = input;
  const store = looksDir(places);
  const few = images.length > most ? [] : images;
  const captions = tokenizer === null ? [] : captionsOf(input);
  const asks = cropAsks(few, input.focus === true);
  const compared = markAsks([...new Set(few.map(({ sha256 }) => sha256))]);
  const kept = {
    tokens: tokenizer === null ? [] : readTokens(store, tokenizer, captions),
    crops: readCrops(store, asks),
    marks: readMarks(store, compared),
  };
  const counted = (counts: readonly number[] | undefined) =>
    tokenizer === null ? undefined : counts && new Map(captions.map((caption, i) => [caption, counts[i] ?? 0]));
  return {
    isAnswered: Object.values(kept).every((answer) => answer !== undefined),
    /** The questions without an answer, for the program. */
    open: {
      ...(kept.tokens === undefined ? { tokenizer, captions } : { tokenizer: null, captions: [] }),
      crops: kept.crops === undefined ? asks : [],
      marks: kept.marks === undefined ? compared : [],
    },
    keep({ tokens, crops, marks }: LookResult): void {
      if (tokenizer !== null && tokens !== undefined) keepTokens(store, tokenizer, captions, tokens);
      if (kept.crops === undefined && crops?.length === asks.length) keepCrops(store, asks, crops);
      if (kept.marks === undefined && marks !== undefined) keepMarks(store, compared, marks);
    },
    answers: (found: Partial<LookResult>) => ({
      tokens: counted(kept.tokens ?? found.tokens),
      crops: cropsOf(asks, kept.crops ?? found.crops ?? []),
      marks: kept.marks ?? found.marks ?? [],
      compared: compared.length,
    }),
  };
}

/** The captions to count tokens of: each caption once, and each word of the trigger. */
const captionsOf = ({ images, trigger }: ImageCheckInput): readonly string[] => [
  ...new Set([...images.map(({ caption }) => caption), ...trigger.split(/[\s,]+/u).filter((part) => part !== '')]),
];
